import { Exact, places } from './decimals.js';
import type { OrderRequest, OrderType, Side, TimeInForce } from './node.js';

/** What stands in the order form. */
export interface Draft {
  side: Side;
  type: OrderType;
  price: string;
  amount: string;
  timeInForce: TimeInForce;
}

export interface Limits {
  maxAmount: string;
  maxPrice: string;
}

/** The node's own bounds. */
export const LIMITS: Limits = { maxAmount: '1000000', maxPrice: '1000000' };

const MAX_PLACES = 8;

export type Checked =
  | { order: OrderRequest & { amount: string }; faults?: never }
  | { order?: never; faults: { price?: string | undefined; amount?: string | undefined } };

/** The order that a draft asks for, or what is wrong with it, field by field. */
export function check(draft: Draft, limits: Limits = LIMITS): Checked {
  const { side, type, timeInForce } = draft;
  const limited = type === 'limit';
  const price = limited ? valueFault('price', draft.price, limits.maxPrice) : undefined;
  const amount = valueFault('amount', draft.amount, limits.maxAmount);
  if (price !== undefined || amount !== undefined) return { faults: { price, amount } };
  const order = { side, type, timeInForce, amount: plain(draft.amount) };
  return { order: limited ? { ...order, price: plain(draft.price) } : order };
}

/** What is wrong with a price or an amount; `undefined` if nothing is. */
export function valueFault(what: 'price' | 'amount', text: string, max: string): string | undefined {
  const value = text.trim();
  const article = what === 'price' ? 'a price' : 'an amount';
  if (value === '') return `Enter ${article}, like ${what === 'price' ? '60000' : '0.5'}`;
  if (value.includes(',')) return 'Write the decimals after a point, like 1.5, and no commas';
  if (/^-/.test(value)) return `The ${what} must be more than 0`;
  if (!/^\d+(\.\d+)?$/.test(value)) return `Enter ${article} in digits, like 1.5`;
  if (places(value) > MAX_PLACES) return `At most ${MAX_PLACES} digits may come after the point`;
  const number = new Exact(value);
  if (number.isZero()) return `The ${what} must be more than 0`;
  if (number.gt(max)) return `The ${what} may be ${new Exact(max).toFixed()} at most`;
  return undefined;
}

/** Whether a text is a value with which can be reckoned. */
export function isValue(text: string): boolean {
  return /^\d{1,15}(\.\d{1,8})?$/.test(text.trim());
}

function plain(text: string): string {
  return new Exact(text.trim()).toFixed();
}
