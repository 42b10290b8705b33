import { type Step, mostPlaces, steps } from '../book.js';
import { Exact, shown, share } from '../decimals.js';
import { byId, h, setAttribute, setText } from '../dom.js';
import type { Frames } from '../frames.js';
import type { Market } from '../market.js';
import type { Side } from '../node.js';

/** A level that was chosen, with what stands up to it. */
export interface Choice {
  side: Side;
  price: string;
  total: string;
}

/** Rows of a side where the height doesn't decide. */
const ROWS = { least: 5, most: 40 };
const ROW_HEIGHT = 22;
/** The heading and the middle. */
const OTHER_HEIGHT = 66;

interface Row {
  element: HTMLElement;
  bar: HTMLElement;
  price: HTMLButtonElement;
  amount: HTMLElement;
  total: HTMLElement;
  step: Step | undefined;
}

/**
 * The book as two ladders with the spread between them. The rows stay and their texts change: at
 * thousands of updates a second that is what a browser can draw.
 */
export class Ladder {
  readonly #market: Market;
  readonly #choose: (choice: Choice) => void;
  readonly #ladder = byId('ladder');
  readonly #grouping = byId<HTMLSelectElement>('grouping');
  readonly #middle = h('div', { class: 'middle', role: 'row' });
  readonly #last = h('span', { class: 'last', role: 'gridcell' });
  readonly #spread = h('span', { class: 'spread', role: 'gridcell' });
  readonly #sides: Record<Side, Row[]> = { buy: [], sell: [] };
  #own = { buy: new Set<string>(), sell: new Set<string>() };
  #focus: HTMLButtonElement | undefined;

  constructor(market: Market, frames: Frames, choose: (choice: Choice) => void) {
    this.#market = market;
    this.#choose = choose;
    this.#middle.append(this.#last, this.#spread);
    this.#build(12);
    frames.on('book', () => this.#paint());
    frames.on('orders', () => this.#readOwn(), 100);
    frames.on('trades', () => this.#paintLast(), 100);
    this.#grouping.addEventListener('change', () => frames.mark('book', 'orders'));
    this.#ladder.addEventListener('click', (event) => this.#clicked(event));
    this.#ladder.addEventListener('keydown', (event) => this.#pressed(event));
    this.#ladder.addEventListener('focusin', ({ target }) => {
      if (target instanceof HTMLButtonElement) this.#rove(target);
    });
    new ResizeObserver(([entry]) => {
      const height = entry?.contentRect.height ?? 0;
      const fit = Math.floor((height - OTHER_HEIGHT) / 2 / ROW_HEIGHT);
      const rows = Math.max(ROWS.least, Math.min(ROWS.most, fit));
      if (rows === this.#sides.buy.length) return;
      this.#build(rows);
      frames.mark('book');
    }).observe(this.#ladder);
  }

  #build(count: number): void {
    const make = (side: Side): Row[] => Array.from({ length: count }, () => makeRow(side));
    this.#sides.sell = make('sell');
    this.#sides.buy = make('buy');
    const heading = h('div', { class: 'row heading', role: 'row' });
    for (const text of ['Price', 'Amount', 'Total']) heading.append(h('span', { role: 'columnheader' }, text));
    const group = (label: string, rows: Row[]): HTMLElement =>
      h('div', { role: 'rowgroup', 'aria-label': label }, ...rows.map((row) => row.element));
    const head = h('div', { role: 'rowgroup' }, heading);
    // The best ask is next to the middle, so last among the asks.
    const asks = group('Asks', [...this.#sides.sell].reverse());
    const middle = h('div', { role: 'rowgroup' }, this.#middle);
    this.#ladder.replaceChildren(head, asks, middle, group('Bids', this.#sides.buy));
    this.#focus = undefined;
  }

  #paint(): void {
    const { bids, asks } = this.#market.book();
    const group = this.#grouping.value === '' ? undefined : this.#grouping.value;
    const count = this.#sides.buy.length;
    // Without groups no more levels are looked at than are shown.
    const wanted = group === undefined ? count : undefined;
    const buys = steps(bids.slice(0, wanted), 'buy', group).slice(0, count);
    const sells = steps(asks.slice(0, wanted), 'sell', group).slice(0, count);
    const both = [...buys, ...sells];
    const format = {
      price: mostPlaces(both.map((step) => step.price.toFixed())),
      amount: mostPlaces(both.map((step) => step.total.toFixed())),
      most: Exact.max(0, buys.at(-1)?.total ?? 0, sells.at(-1)?.total ?? 0),
    };
    this.#paintSide('sell', sells, format);
    this.#paintSide('buy', buys, format);
    const [bid, ask] = [bids[0]?.price, asks[0]?.price];
    const spread = bid === undefined || ask === undefined ? undefined : new Exact(ask).minus(bid);
    setText(this.#spread, spread === undefined ? 'No spread' : `Spread ${shown(spread)}`);
    const empty = both.length === 0;
    byId('ladder-empty').hidden = !empty;
    this.#ladder.classList.toggle('void', empty);
    if (!this.#focus || this.#focus.closest('.void')) this.#refocus();
  }

  #paintLast(): void {
    const [trade] = this.#market.trades(1);
    if (!trade) return;
    setText(this.#last, shown(trade.price));
    this.#last.className = `last ${trade.takerSide}`;
  }

  #paintSide(side: Side, list: Step[], format: { price: number; amount: number; most: Exact }): void {
    this.#sides[side].forEach((row, index) => {
      const step = list[index];
      row.step = step;
      row.element.classList.toggle('void', step === undefined);
      if (step === undefined) return;
      setText(row.price, shown(step.price, format.price));
      setText(row.amount, shown(step.amount, format.amount));
      setText(row.total, shown(step.total, format.amount));
      // Long values may be cut.
      const long = step.total.toFixed().length > 10;
      setAttribute(row.element, 'title', long ? `${shown(step.amount)}, up to here ${shown(step.total)}` : undefined);
      const width = `${(share(step.total, format.most) * 100).toFixed(1)}% 100%`;
      if (row.bar.style.backgroundSize !== width) row.bar.style.backgroundSize = width;
      const own = this.#own[side].has(step.price.toFixed());
      row.element.classList.toggle('own', own);
      setAttribute(row.price, 'aria-description', own ? 'your order is here' : undefined);
    });
  }

  #readOwn(): void {
    const own = { buy: new Set<string>(), sell: new Set<string>() };
    const group = this.#grouping.value === '' ? undefined : this.#grouping.value;
    for (const { side, price, pair } of this.#market.openOrders()) {
      if (price === null || pair !== this.#market.node.pair) continue;
      const level = { price: price.toFixed(), amount: '0', count: 1 };
      for (const step of steps([level], side, group)) own[side].add(step.price.toFixed());
    }
    this.#own = own;
    this.#paint();
  }

  #clicked(event: Event): void {
    const row = event.target instanceof Element ? event.target.closest('.row') : null;
    for (const side of ['buy', 'sell'] as const) {
      const step = this.#sides[side].find(({ element }) => element === row)?.step;
      if (step) this.#choose({ side, price: step.price.toFixed(), total: step.total.toFixed() });
    }
  }

  #pressed(event: KeyboardEvent): void {
    const buttons = this.#buttons();
    const at = buttons.indexOf(event.target as HTMLButtonElement);
    const moves: Record<string, number> = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: buttons.length - 1 };
    const to = moves[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    buttons[to]?.focus();
  }

  /** The levels that can be chosen, from the top. */
  #buttons(): HTMLButtonElement[] {
    return [...this.#ladder.querySelectorAll<HTMLButtonElement>('.row:not(.void) button')];
  }

  /** The level that the tab key reaches is gone, as those furthest from the middle go: the next one is. */
  #refocus(): void {
    const had = this.#focus !== undefined && document.activeElement === this.#focus;
    const [side, other]: [Side, Side] = this.#focus?.closest('.sell') ? ['sell', 'buy'] : ['buy', 'sell'];
    const there = (rows: Row[]): Row[] => rows.filter(({ step }) => step !== undefined);
    const [same, opposite] = [there(this.#sides[side]), there(this.#sides[other])];
    const next = (this.#focus ? same.at(-1) : same[0]) ?? opposite[0];
    this.#rove(next?.price);
    if (had) next?.price.focus();
  }

  /** One level at a time is reached by the tab key. */
  #rove(to: HTMLButtonElement | undefined): void {
    if (this.#focus) this.#focus.tabIndex = -1;
    if (to) to.tabIndex = 0;
    this.#focus = to;
  }
}

function makeRow(side: Side): Row {
  // It lies below the cells and is no cell itself.
  const bar = h('span', { class: 'bar', role: 'presentation' });
  const price = h('button', { type: 'button', tabindex: -1 });
  const amount = h('span', { role: 'gridcell' });
  const total = h('span', { role: 'gridcell' });
  const cell = h('span', { role: 'gridcell', class: 'price' }, price);
  const element = h('div', { class: `row ${side} void`, role: 'row' }, bar, cell, amount, total);
  return { element, bar, price, amount, total, step: undefined };
}
