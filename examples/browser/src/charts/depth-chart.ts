import { type Step, steps } from '../book.js';
import { Exact, share, shown } from '../decimals.js';
import { byId, setText } from '../dom.js';
import type { Frames } from '../frames.js';
import type { Market } from '../market.js';
import type { Side } from '../node.js';

const SVG = 'http://www.w3.org/2000/svg';
/** Ten times a second: an outline needs no more. */
const EVERY = 100;
/** How much of the height the highest step takes. */
const TALLEST = 0.9;

interface Shape {
  area: SVGPathElement;
  line: SVGPathElement;
}

/** What of the book is drawn, and where its middle is. */
interface Extent {
  low: Exact;
  high: Exact;
  most: Exact;
}

/**
 * What stands on each side up to each price, as an SVG of our own: the charting library has time on its
 * axis, these steps are two paths, and a path takes its colours from the style sheet and its coordinates
 * from exact division.
 */
export class DepthChart {
  readonly #market: Market;
  readonly #box = byId('depth-chart');
  readonly #svg = document.createElementNS(SVG, 'svg');
  readonly #shapes: Record<Side, Shape>;
  readonly #cross = element('line', 'cross');
  readonly #labels = byId('depth-chart').appendChild(document.createElement('div'));
  #size = { width: 0, height: 0 };
  #drawn: { buy: Step[]; sell: Step[]; extent: Extent } | undefined;

  constructor(market: Market, frames: Frames) {
    this.#market = market;
    const shape = (side: Side): Shape => ({ area: element('path', `area ${side}`), line: element('path', `line ${side}`) });
    this.#shapes = { buy: shape('buy'), sell: shape('sell') };
    for (const { area, line } of Object.values(this.#shapes)) this.#svg.append(area, line);
    this.#svg.append(this.#cross);
    this.#labels.className = 'axis';
    this.#box.prepend(this.#svg);
    new ResizeObserver(([entry]) => {
      const { width = 0, height = 0 } = entry?.contentRect ?? {};
      this.#size = { width, height };
      this.#svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
      frames.mark('depth');
    }).observe(this.#box);
    frames.on('depth', () => this.#paint(), EVERY);
    frames.on('depth', () => this.#describe(), 2000);
    this.#box.addEventListener('pointermove', (event) => this.#point(event));
    this.#box.addEventListener('pointerleave', () => this.#leave());
  }

  #paint(): void {
    const { bids, asks } = this.#market.book();
    const [buy, sell] = [steps(bids, 'buy'), steps(asks, 'sell')];
    const extent = reach(buy, sell);
    byId('depth-chart-empty').hidden = extent !== undefined;
    this.#svg.classList.toggle('void', extent === undefined);
    this.#labels.hidden = extent === undefined;
    setText(byId('depth-most'), extent ? shown(extent.most) : '');
    this.#drawn = extent && { buy, sell, extent };
    if (!extent) return;
    this.#draw('buy', buy, extent);
    this.#draw('sell', sell, extent);
    const middle = extent.low.plus(extent.high).div(2).toDecimalPlaces(2);
    const texts = [extent.low.toDecimalPlaces(2), middle, extent.high.toDecimalPlaces(2)].map((price) => shown(price));
    while (this.#labels.childElementCount < texts.length) this.#labels.append(document.createElement('span'));
    texts.forEach((text, at) => setText(this.#labels.children[at]!, text));
  }

  #draw(side: Side, list: Step[], extent: Extent): void {
    const { height, width } = this.#size;
    const { area, line } = this.#shapes[side];
    const seen = list.filter(({ price }) => price.gte(extent.low) && price.lte(extent.high));
    const [first] = seen;
    if (!first) {
      for (const path of [area, line]) path.setAttribute('d', '');
      return;
    }
    const edge = side === 'buy' ? 0 : width;
    let d = `M${this.#x(first.price, extent)} ${height}`;
    for (const { price, total } of seen) d += `H${this.#x(price, extent)}V${this.#y(total, extent)}`;
    d += `H${edge}`;
    line.setAttribute('d', d);
    area.setAttribute('d', `${d}V${height}Z`);
  }

  #x(price: Exact, { low, high }: Extent): string {
    return (share(price.minus(low), high.minus(low)) * this.#size.width).toFixed(1);
  }

  #y(total: Exact, { most }: Extent): string {
    return (this.#size.height * (1 - share(total, most) * TALLEST)).toFixed(1);
  }

  #point(event: PointerEvent): void {
    if (!this.#drawn) return;
    const { buy, sell, extent } = this.#drawn;
    const bounds = this.#box.getBoundingClientRect();
    const x = event.clientX - bounds.left;
    const price = extent.low.plus(extent.high.minus(extent.low).times(new Exact(x).div(bounds.width || 1)));
    const bid = buy.findLast((step) => step.price.gte(price));
    const ask = sell.findLast((step) => step.price.lte(price));
    const step = bid ?? ask;
    for (const end of ['x1', 'x2']) this.#cross.setAttribute(end, x.toFixed(1));
    this.#cross.setAttribute('y2', String(this.#size.height));
    this.#cross.classList.add('seen');
    const words = bid ? 'bid down to' : 'asked up to';
    setText(byId('depth-hint'), step ? `${shown(step.total)} ${words} ${shown(step.price)}` : '');
  }

  #leave(): void {
    this.#cross.classList.remove('seen');
    setText(byId('depth-hint'), '');
  }

  #describe(): void {
    const { buy, sell } = this.#drawn ?? { buy: [], sell: [] };
    const side = (list: Step[], word: string): string => {
      const [best, last] = [list[0], list.at(-1)];
      if (!best || !last) return `no ${word}s`;
      return `${shown(last.total)} in ${list.length} ${word} levels, from ${shown(best.price)} to ${shown(last.price)}`;
    };
    setText(byId('depth-chart-text'), `Depth: ${side(buy, 'bid')}; ${side(sell, 'ask')}.`);
  }
}

/**
 * As far to each side of the middle as three quarters of the levels of either are: a few orders far away shall
 * not press all others together. So nothing is seen either that is a quarter of the price away, but for the best.
 */
function reach(buy: Step[], sell: Step[]): Extent | undefined {
  const best = { buy: buy[0]?.price, sell: sell[0]?.price };
  const middle = best.buy && best.sell ? best.buy.plus(best.sell).div(2) : (best.buy ?? best.sell);
  if (!middle) return undefined;
  const distance = (step: Step | undefined): Exact => (step ? step.price.minus(middle).abs() : new Exact(0));
  const most = (list: Step[]): Exact => distance(list[Math.ceil(list.length * 0.75) - 1]);
  const wanted = Exact.min(Exact.max(most(buy), most(sell)), middle.times('0.25'));
  const far = Exact.max(wanted, distance(buy[0]).times('1.5'), middle.times('0.0001'));
  const [low, high] = [Exact.max(0, middle.minus(far.times('1.05'))), middle.plus(far.times('1.05'))];
  const seen = (list: Step[]): Exact => list.findLast(({ price }) => price.gte(low) && price.lte(high))?.total ?? new Exact(0);
  return { low, high, most: Exact.max(seen(buy), seen(sell)) };
}

function element<K extends 'path' | 'line'>(tag: K, name: string): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SVG, tag);
  made.setAttribute('class', name);
  return made;
}
