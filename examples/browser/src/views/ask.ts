import { byId, h, setText } from '../dom.js';

/** The peers of a link that were agreed to, so that a reload of this tab does not ask again. */
const AGREED = 'meshbook-peers';

/**
 * Asks whether to trade with the peers that a link names, and with them only: who makes the link decides whom
 * this node believes to be the network. Resolves to those of the two lists that the user has chosen.
 */
export async function askForPeers(named: string[], usual: string[]): Promise<string[]> {
  const key = JSON.stringify(named);
  if (agreed() === key) return named;
  setText(byId('ask-count'), named.length === 1 ? 'this node' : `these ${named.length} nodes`);
  byId('ask-peers').replaceChildren(...named.map((peer) => h('li', {}, h('code', {}, peer))));
  setText(byId('connection'), 'Waiting for your answer');
  const box = byId('ask');
  const covered = [byId('main'), byId('views')];
  box.hidden = false;
  for (const element of covered) element.inert = true;
  // What is safe is what Enter does.
  byId('ask-no').focus();
  const isAgreed = await new Promise<boolean>((resolve) => {
    byId('ask-yes').addEventListener('click', () => resolve(true), { once: true });
    byId('ask-no').addEventListener('click', () => resolve(false), { once: true });
  });
  box.hidden = true;
  for (const element of covered) element.inert = false;
  setText(byId('connection'), 'Starting…');
  if (!isAgreed) return usual;
  try {
    sessionStorage.setItem(AGREED, key);
  } catch {
    // It is asked again then.
  }
  return named;
}

function agreed(): string | null {
  try {
    return sessionStorage.getItem(AGREED);
  } catch {
    return null;
  }
}
