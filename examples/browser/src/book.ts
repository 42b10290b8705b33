import { Exact, ZERO, places } from './decimals.js';
import type { Level, Side } from './node.js';

/** A row of the ladder, or a step of the depth chart. */
export interface Step {
  price: Exact;
  amount: Exact;
  /** What stands at this price and at all better ones. */
  total: Exact;
  count: number;
}

/** Levels with their sums, best first; with a `group` those of one multiple of it are one. */
export function steps(levels: Level[], side: Side, group?: string): Step[] {
  const result: Step[] = [];
  const width = group === undefined ? undefined : new Exact(group);
  let total = ZERO;
  for (const level of levels) {
    const amount = new Exact(level.amount);
    const price = grouped(new Exact(level.price), side, width);
    total = total.plus(amount);
    const last = result.at(-1);
    if (last !== undefined && last.price.eq(price)) {
      last.amount = last.amount.plus(amount);
      last.total = total;
      last.count += level.count;
    } else {
      result.push({ price, amount, total, count: level.count });
    }
  }
  return result;
}

/** Away from the middle, so that nobody sees a better price than there is. */
function grouped(price: Exact, side: Side, width: Exact | undefined): Exact {
  if (width === undefined) return price;
  const count = price.div(width);
  return (side === 'buy' ? count.floor() : count.ceil()).times(width);
}

/** What a market order would trade now: its amount that finds a partner, and what that costs. */
export function sweep(levels: Level[], amount: Exact): { filled: Exact; cost: Exact; worst: string | undefined } {
  let [left, cost, worst]: [Exact, Exact, string | undefined] = [amount, ZERO, undefined];
  for (const level of levels) {
    if (left.lte(0)) break;
    const part = Exact.min(left, level.amount);
    left = left.minus(part);
    cost = cost.plus(part.times(level.price));
    worst = level.price;
  }
  return { filled: amount.minus(left), cost, worst };
}

/** The most places that any of the texts has. */
export function mostPlaces(texts: Iterable<string>): number {
  let most = 0;
  for (const text of texts) most = Math.max(most, places(text));
  return most;
}
