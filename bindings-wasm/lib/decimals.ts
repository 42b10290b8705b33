import { Decimal } from 'decimal.js';

const text = function (this: Decimal): string {
  return (Decimal.prototype.toFixed as (this: Decimal) => string).call(this);
};
const hidden = (value: unknown): PropertyDescriptor => ({ value, writable: true, configurable: true });

/**
 * A `Decimal` in all it does, but that its text is always a plain decimal, `0.0000001` and not `1e-7`.
 * Its digits are its only own properties, so that `structuredClone` and `postMessage` copy it, and
 * `new Decimal(copy)` is the same value again.
 */
const PROTOTYPE = Object.create(Decimal.prototype, {
  constructor: hidden(Decimal),
  toString: hidden(text),
  toJSON: hidden(text),
  valueOf: hidden(text),
}) as object;

/** The value of a decimal text, as one that we hand out. @internal */
export function decimal(of: string): Decimal {
  const { s, e, d } = new Decimal(of) as unknown as Digits;
  return Object.assign(Object.create(PROTOTYPE) as Decimal, { s, e, d, toStringTag: TAG });
}

/** What `decimal.js` keeps of a value: sign, exponent, digits. */
interface Digits {
  s: number;
  e: number;
  d: number[] | null;
}

/** How `decimal.js` knows its own. */
const TAG = '[object Decimal]';
/** The most characters of a text that is read as a number. */
const LONGEST = 100;
/** Beyond this power of ten no value is in range, and its plain text would be long. */
const HIGHEST = 30;

/**
 * An amount or a price as the core takes it: a plain decimal. Exact whatever it is given as: what `decimal.js`
 * reads of a text, a `Decimal`, a `bigint`. Texts that are no number stay what they are, for the core to
 * refuse. Undefined for what is none of these, a number among them: it may be rounded already.
 *
 * @internal
 */
export function plainText(value: unknown): string | undefined {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'string' && !isDecimal(value)) return undefined;
  if (typeof value === 'string' && value.length > LONGEST) return value;
  try {
    const read = new Decimal(value);
    if (read.isFinite() && Math.abs(read.e) <= HIGHEST) return read.toFixed();
  } catch {
    // The core says what is wrong with it.
  }
  return String(value);
}

/** A `Decimal` of any module of `decimal.js`, or a structured clone of one of ours. */
function isDecimal(value: unknown): value is Decimal {
  if (typeof value !== 'object' || value === null || !('toStringTag' in value)) return false;
  return value.toStringTag === TAG && 'd' in value && (value.d === null || Array.isArray(value.d));
}
