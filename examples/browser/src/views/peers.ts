import { byId, h, setAttribute, setText } from '../dom.js';
import type { Frames } from '../frames.js';
import type { Market } from '../market.js';
import { type Peer, messageOf } from '../node.js';
import { addressFault } from '../settings.js';
import { Rows } from './rows.js';
import type { Toasts } from './toasts.js';

const SHOWN = 100;
const STATES: Record<Peer['status'], string> = {
  connected: 'Connected',
  connecting: 'Connecting…',
  disconnected: 'Not connected',
};
const SOURCES: Record<string, string> = {
  persisted: 'earlier run',
  bootstrap: 'address given',
  peerexchange: 'another peer',
  inbound: 'it came here',
  mdns: 'local network',
  grenache: 'Grape',
  dht: 'DHT',
};
const ORDER: Peer['status'][] = ['connected', 'connecting', 'disconnected'];

/** Who is known, how they stand, and how long their answers take; and the state of it all in words. */
export function peers(market: Market, frames: Frames, toasts: Toasts): void {
  const key = ({ nodeId, address }: Peer): string => `${nodeId ?? ''}@${address ?? ''}`;
  const rows = new Rows<Peer>(byId('peers'), key, make, update);
  const state = byId('connection');
  frames.on('peers', () => {
    const list = market.peers();
    const sorted = [...list].sort((one, other) => ORDER.indexOf(one.status) - ORDER.indexOf(other.status));
    rows.show(sorted.slice(0, SHOWN));
    byId('peers-empty').hidden = list.length > 0;
    setText(byId('peer-count'), String(list.filter(({ status }) => status === 'connected').length));
    if (!market.running) return;
    const connection = market.connection(list);
    setText(state, connection.text);
    setAttribute(state, 'data-state', connection.state);
  }, 100);
  addPeer(market, frames, toasts);
}

function addPeer(market: Market, frames: Frames, toasts: Toasts): void {
  const field = byId<HTMLInputElement>('peer-address');
  const message = byId('peer-error');
  const judge = (fault: string | undefined): void => {
    setText(message, fault ?? '');
    setAttribute(field, 'aria-invalid', fault === undefined ? undefined : 'true');
  };
  field.addEventListener('input', () => judge(undefined));
  byId('peer-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const address = field.value.trim();
    const fault = addressFault(address);
    judge(fault);
    if (fault !== undefined) return field.focus();
    try {
      market.node.addPeer(address);
      field.value = '';
      toasts.say(`Dialing ${address}`);
    } catch (error) {
      judge(messageOf(error));
    }
    frames.mark('peers');
  });
}

function make({ nodeId, address, source }: Peer): HTMLTableRowElement {
  return h(
    'tr',
    {},
    h('td', { class: 'peer-state' }),
    h('td', {}, h('code', { title: nodeId ?? '' }, nodeId ? `${nodeId.slice(0, 12)}…` : 'not met yet')),
    h('td', {}, address ?? '–'),
    h('td', { class: 'latency' }),
    h('td', {}, SOURCES[source ?? ''] ?? source ?? '–'),
  );
}

function update(row: HTMLTableRowElement, { status, latency }: Peer): void {
  const [state, time] = row.querySelectorAll('.peer-state, .latency');
  if (state) {
    setText(state, STATES[status]);
    setAttribute(state, 'data-state', status);
  }
  const known = status === 'connected' && typeof latency === 'number';
  if (time) setText(time, known ? (latency === 0 ? '< 1 ms' : `${latency} ms`) : '–');
}
