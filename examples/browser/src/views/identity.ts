import { byId, copy, setText } from '../dom.js';
import type { Frames } from '../frames.js';
import type { Market } from '../market.js';
import { messageOf } from '../node.js';
import type { Toasts } from './toasts.js';

/** Who this node is: its id to copy, its key to export, and what it has sent. */
export function identity(market: Market, frames: Frames, toasts: Toasts, store: string): void {
  const button = byId<HTMLButtonElement>('copy-node-id');
  button.addEventListener('click', () => {
    const { nodeId } = market.node;
    if (nodeId === undefined) return;
    void copy(nodeId).then((done) => toasts.say(done ? 'Node id copied' : 'The browser did not let the id be copied'));
  });
  frames.on('peers', () => {
    if (!market.running) return;
    const { nodeId } = market.node;
    if (nodeId !== undefined) {
      setText(byId('node-id'), `${nodeId.slice(0, 8)}…${nodeId.slice(-4)}`);
      byId('node-id').title = nodeId;
      setText(byId('node-id-full'), nodeId);
      button.disabled = false;
    }
    setText(byId('store'), store);
    const { peers } = market.node.getP2PStats();
    setText(byId('messages'), `${peers.totalMessagesReceived} received, ${peers.totalMessagesSent} sent`);
    setText(byId('bytes'), `${size(peers.totalBytesReceived)} received, ${size(peers.totalBytesSent)} sent`);
  }, 1000);
  keyDialog(market);
}

function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  const unit = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** unit).toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}

/** The key is read when the dialog opens, and forgotten when it closes. */
function keyDialog(market: Market): void {
  const dialog = byId<HTMLDialogElement>('key-dialog');
  const field = byId<HTMLInputElement>('key-text');
  const show = byId('key-show');
  const result = byId('key-result');
  const reveal = (shown: boolean): void => {
    field.type = shown ? 'text' : 'password';
    show.setAttribute('aria-pressed', String(shown));
  };
  byId('export-key').addEventListener('click', () => {
    setText(result, '');
    reveal(false);
    try {
      field.value = market.node.exportKey();
    } catch (error) {
      setText(result, `The key can't be exported: ${messageOf(error)}`);
    }
    dialog.showModal();
  });
  show.addEventListener('click', () => reveal(field.type === 'password'));
  byId('key-copy').addEventListener('click', () => {
    void copy(field.value).then((done) => setText(result, done ? 'Copied' : 'The browser did not let it be copied'));
  });
  byId('key-close').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => {
    field.value = '';
  });
}
