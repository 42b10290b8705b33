import { Exact, shown } from '../decimals.js';
import { byId, h, setText } from '../dom.js';
import type { Frames } from '../frames.js';
import type { Market } from '../market.js';
import type { Order, Trade } from '../node.js';
import { Rows } from './rows.js';
import type { Toasts } from './toasts.js';
import { longTime, shortTime } from './time.js';

/** Rows of a list. */
const SHOWN = 200;
/** Trades among which own ones are looked for. */
const SEARCHED = 2000;
const WORDS: Record<Order['status'], string> = {
  pending: 'Open',
  partial: 'Partly filled',
  filled: 'Filled',
  cancelled: 'Cancelled',
};

/** Own orders, open and past, and own trades. */
export function orders(market: Market, frames: Frames, toasts: Toasts): void {
  const cancel = (id: string): void => {
    if (!market.node.cancelOrder(id)) toasts.say('That order is not open any more');
    frames.mark('orders');
  };
  const open = new Rows<Order>(byId('open-orders'), ({ id }) => id, (order) => openRow(order, market.node.pair, cancel), update);
  const past = new Rows<Order>(byId('history'), ({ id }) => id, (order) => orderRow(order, market.node.pair), update);
  const fills = new Rows<Trade>(byId('fills'), ({ id }) => id, (trade) => fillRow(trade, market));
  const all = byId<HTMLButtonElement>('cancel-all');

  const paintOpen = (): void => {
    const list = market.openOrders();
    keepFocus(byId('open-orders'), () => open.show(list.slice(0, SHOWN)));
    setText(byId('open-count'), String(list.length));
    byId('open-empty').hidden = list.length > 0;
    all.hidden = list.length === 0 || byId('panel-open').hidden;
  };
  const paintPast = (): void => {
    const list = market.history();
    past.show(list.slice(0, SHOWN));
    byId('history-empty').hidden = list.length > 0;
    const own = market.trades(SEARCHED).filter((trade) => market.ownSide(trade) !== undefined);
    fills.show(own.slice(0, SHOWN));
    byId('fills-empty').hidden = own.length > 0;
  };
  frames.on('orders', paintOpen, 50);
  frames.on('orders', paintPast, 500);
  all.addEventListener('click', () => {
    for (const { id } of market.openOrders()) market.node.cancelOrder(id);
    byId('tab-open').focus();
    frames.mark('orders');
  });
  byId('tabs').addEventListener('tab', paintOpen);
}

/** A button that goes with its row hands the focus to the next one, and else to the list. */
function keepFocus(body: HTMLElement, change: () => void): void {
  const buttons = (): HTMLButtonElement[] => [...body.querySelectorAll('button')];
  const before = buttons().findIndex((button) => button === document.activeElement);
  change();
  if (before < 0 || body.contains(document.activeElement)) return;
  const left = buttons();
  (left[Math.min(before, left.length - 1)] ?? body.closest<HTMLElement>('[role=tabpanel]'))?.focus();
}

function openRow(order: Order, own: string, cancel: (id: string) => void): HTMLTableRowElement {
  const { id, side, amount } = order;
  const row = orderRow(order, own);
  const label = `Cancel ${side} ${shown(amount)} at ${limit(order)}`;
  const button = h('button', { type: 'button', class: 'quiet', 'aria-label': label, onclick: () => cancel(id) }, 'Cancel');
  row.append(h('td', {}, button));
  return row;
}

/** A market order has no limit. */
function limit({ price }: Order): string {
  return price === null ? 'market' : shown(price);
}

/** `own` is the pair of the node; an order that was placed when it had another one names its pair. */
function orderRow(order: Order, own: string): HTMLTableRowElement {
  const { id, side, amount, timestamp, pair } = order;
  return h(
    'tr',
    { class: side, 'data-order': id },
    h('td', { title: longTime(timestamp) }, shortTime(timestamp)),
    h('td', { class: 'side' }, (side === 'buy' ? 'Buy' : 'Sell') + (pair === own ? '' : ` ${pair}`)),
    h('td', {}, limit(order)),
    h('td', {}, shown(amount)),
    h('td', { class: 'filled' }),
    h('td', { class: 'status' }),
  );
}

function update(row: HTMLTableRowElement, { amount, filled, status }: Order): void {
  const percent = new Exact(filled).times(100).div(amount).toFixed(0, Exact.ROUND_DOWN);
  const [filledCell, statusCell] = [row.querySelector('.filled'), row.querySelector('.status')];
  if (filledCell) setText(filledCell, filled.isZero() ? '0' : `${shown(filled)} (${percent}%)`);
  if (statusCell) setText(statusCell, WORDS[status]);
}

function fillRow(trade: Trade, market: Market): HTMLTableRowElement {
  const { id, amount, price, timestamp } = trade;
  const side = market.ownSide(trade) ?? 'both';
  const word = { buy: 'Buy', sell: 'Sell', both: 'Both' }[side];
  return h(
    'tr',
    { class: side },
    h('td', { title: longTime(timestamp) }, shortTime(timestamp)),
    h('td', { class: 'side' }, word),
    h('td', {}, shown(price)),
    h('td', {}, shown(amount)),
    h('td', {}, h('code', { title: id }, id.slice(0, 12))),
  );
}
