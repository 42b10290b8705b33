import { mostPlaces } from '../book.js';
import { shown } from '../decimals.js';
import { byId, h, setAttribute, setText } from '../dom.js';
import type { Frames } from '../frames.js';
import type { Market } from '../market.js';
import type { Trade } from '../node.js';
import { Rows } from './rows.js';
import { longTime, shortTime } from './time.js';

const SHOWN = 60;
/** A list of which every row changes ten times a second is no longer read. */
const EVERY = 100;

/** The latest trades, anybody's; own ones are marked. */
export function trades(market: Market, frames: Frames): void {
  const rows = new Rows<Trade>(byId('trades'), ({ id }) => id, make, (row, trade) => {
    const own = market.ownSide(trade);
    row.classList.toggle('own', own !== undefined);
    setAttribute(row, 'title', own === undefined ? undefined : 'Your trade');
  });
  const last = byId('last-price');
  frames.on('trades', () => {
    const list = market.trades(SHOWN);
    const [prices, amounts] = [list.map(({ price }) => price.toFixed()), list.map(({ amount }) => amount.toFixed())];
    digits.price = mostPlaces(prices);
    digits.amount = mostPlaces(amounts);
    rows.show(list);
    byId('trades-empty').hidden = list.length > 0;
    const [newest] = list;
    if (!newest) return;
    setText(last, shown(newest.price));
    last.className = `last ${newest.takerSide}`;
    document.title = `${shown(newest.price)} ${market.node.pair} · Meshbook`;
  }, EVERY);
}

/** Places that all rows have. */
const digits = { price: 0, amount: 0 };

function make({ price, amount, timestamp, takerSide }: Trade): HTMLTableRowElement {
  return h(
    'tr',
    { class: takerSide },
    h('td', { class: 'price' }, h('span', { class: 'hidden' }, takerSide === 'buy' ? 'Bought at ' : 'Sold at '),
      shown(price, digits.price)),
    h('td', {}, shown(amount, digits.amount)),
    h('td', { title: longTime(timestamp) }, shortTime(timestamp)),
  );
}
