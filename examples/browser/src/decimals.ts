import { Decimal } from 'decimal.js';

/** Values have at most 15 digits before the point and 8 after it; sums and products have more. */
export const Exact = Decimal.clone({ precision: 64, toExpNeg: -40, toExpPos: 60 });
export type Exact = Decimal;

export const ZERO = new Exact(0);

/** How many digits a decimal string has after its point. */
export function places(text: string): number {
  const point = text.indexOf('.');
  return point < 0 ? 0 : text.length - point - 1;
}

/** `60123.5` as `60,123.50` with two places. Nothing is rounded: no value has more places than asked for. */
export function shown(value: Decimal | string, digits?: number): string {
  const text = typeof value === 'string' ? value : value.toFixed();
  const [whole = '', fraction = ''] = text.split('.');
  const padded = digits === undefined ? fraction : fraction.padEnd(digits, '0');
  return padded === '' ? grouped(whole) : `${grouped(whole)}.${padded}`;
}

function grouped(whole: string): string {
  return whole.length <= 3 ? whole : whole.replace(/\B(?=(\d{3})+$)/g, ',');
}

/** What a chart draws: the one place where a value becomes a number. */
export function coordinate(value: Decimal): number {
  return value.toNumber();
}

/** A part of a whole as a number from 0 to 1, for widths and heights. */
export function share(part: Decimal, whole: Decimal): number {
  if (whole.isZero()) return 0;
  return Math.min(1, Math.max(0, coordinate(new Exact(part).div(whole))));
}
