import { Exact } from './decimals.js';
import type { Trade } from './node.js';

/** The trades of one interval. */
export interface Candle {
  /** When it began, in milliseconds since the epoch. */
  start: number;
  open: Exact;
  high: Exact;
  low: Exact;
  close: Exact;
  volume: Exact;
  first: number;
  last: number;
}

/** Candles that are kept; the oldest go. */
export const MAX_CANDLES = 2000;

/** Trades by intervals, in whatever order they come. */
export class Candles {
  readonly interval: number;
  readonly #candles = new Map<number, Candle>();

  constructor(interval: number) {
    this.interval = interval;
  }

  /** The candle that the trade belongs to, changed. */
  add(trade: Trade): Candle {
    const { timestamp } = trade;
    const start = timestamp - (timestamp % this.interval);
    const [price, amount] = [new Exact(trade.price), new Exact(trade.amount)];
    const candle = this.#candles.get(start);
    if (candle === undefined) {
      const [open, high, low, close, volume] = [price, price, price, price, amount];
      const made = { start, open, high, low, close, volume, first: timestamp, last: timestamp };
      this.#candles.set(start, made);
      this.#bound();
      return made;
    }
    if (timestamp < candle.first) [candle.open, candle.first] = [price, timestamp];
    if (timestamp >= candle.last) [candle.close, candle.last] = [price, timestamp];
    candle.high = Exact.max(candle.high, price);
    candle.low = Exact.min(candle.low, price);
    candle.volume = candle.volume.plus(amount);
    return candle;
  }

  /** All of them, oldest first. */
  list(): Candle[] {
    return [...this.#candles.values()].sort((one, other) => one.start - other.start);
  }

  at(start: number): Candle | undefined {
    return this.#candles.get(start);
  }

  #bound(): void {
    if (this.#candles.size <= MAX_CANDLES) return;
    this.#candles.delete(Math.min(...this.#candles.keys()));
  }
}
