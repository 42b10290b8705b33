import { byId, setText } from '../dom.js';
import { codeOf, messageOf } from '../node.js';

const TITLES: Record<string, string> = { STORAGE_LOST: 'The node has ended' };

/** Says that this tab has no node, and why, in place of the page. */
export function blocked(error: unknown, other: string): void {
  const code = codeOf(error);
  const inUse = code === 'IN_USE';
  setText(byId('blocked-title'), inUse ? 'Another tab is this node' : (TITLES[code ?? ''] ?? 'The node did not start'));
  setText(
    byId('blocked-text'),
    inUse
      ? 'Your key is in use in another tab of this browser, and one node must not run twice. Go on in that tab; or close it and try again here; or open another node, with a key of its own, in this tab.'
      : messageOf(error),
  );
  const link = byId<HTMLAnchorElement>('blocked-other');
  link.hidden = !inUse;
  link.href = other;
  setText(byId('connection'), inUse ? 'In use in another tab' : 'Not running');
  byId('connection').dataset['state'] = 'none';
  byId('blocked').hidden = false;
  byId('main').inert = true;
  byId('views').inert = true;
  const retry = byId('blocked-retry');
  if (code === 'STORAGE_LOST') setText(retry, 'Start a new node');
  retry.addEventListener('click', () => location.reload());
  retry.focus();
}
