import { inspect } from 'node:util';
import { Decimal } from 'decimal.js';

/**
 * The class of amounts and prices. `decimal.js` is two modules, one for `import` and one for
 * `require`, each with a class of its own: applications shall get that of theirs.
 */
let Class: typeof Decimal = Decimal;
let prototype = plainly(Class);

/** @internal */
export function useDecimal(other: typeof Decimal): void {
  Class = other;
  prototype = plainly(other);
}

/**
 * A `Decimal` in all it does, but that its text is always a plain decimal, `0.0000001` and not `1e-7`.
 * Its digits are its only own properties, so that `structuredClone` copies it, and
 * `new Decimal(copy)` is the same value again.
 */
function plainly(of: typeof Decimal): Decimal {
  const text = function (this: Decimal): string {
    return (of.prototype.toFixed as (this: Decimal) => string).call(this);
  };
  const hidden = (value: unknown): PropertyDescriptor => ({ value, writable: true, configurable: true });
  return Object.create(of.prototype, {
    constructor: hidden(of),
    toString: hidden(text),
    toJSON: hidden(text),
    valueOf: hidden(text),
    [inspect.custom]: hidden(text),
  }) as Decimal;
}

/** What `decimal.js` keeps of a value: sign, exponent, digits to the base 10^7, and how it knows its own. */
interface Digits {
  s: number;
  e: number;
  d: number[] | null;
  toStringTag: string;
}

function made(s: number, e: number, d: number[] | null): Decimal {
  const value = Object.create(prototype) as Digits;
  value.s = s;
  value.e = e;
  value.d = d;
  value.toStringTag = '[object Decimal]';
  return value as unknown as Decimal;
}

/** The same value as one that we hand out. @internal */
export function shown(value: Decimal): Decimal {
  const { s, e, d } = value as unknown as Digits;
  return made(s, e, d);
}

/** What the native part shows: at most 15 digits before the point and 8 after it. */
const SHORT = 15;
const PLACES = [1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 10, 1];
const BASE = 1e7;

/**
 * The value of a plain decimal. Each order and trade has two or three, so they are read here, in a third of
 * the time: as whole numbers of at most 15 digits, which are exact.
 *
 * @internal
 */
export function decimal(text: string): Decimal {
  const point = text.indexOf('.');
  const end = point < 0 ? text.length : point;
  const places = point < 0 ? 0 : text.length - point - 1;
  if (end > SHORT || places >= PLACES.length) return shown(new Class(text));
  const whole = Number(text.slice(0, end));
  const units = places === 0 ? 0 : Number(text.slice(point + 1)) * PLACES[places]!;
  const words: number[] = [];
  if (whole >= BASE * BASE) words.push(Math.floor(whole / (BASE * BASE)));
  if (whole >= BASE) words.push(Math.floor(whole / BASE) % BASE);
  if (whole > 0) words.push(whole % BASE);
  let exponent = words.length * 7 - 1;
  if (units > 0) {
    const high = Math.floor(units / 10);
    if (words.length > 0 || high > 0) words.push(high);
    else exponent -= 7;
    words.push((units % 10) * (BASE / 10));
  }
  while (words.length > 0 && words[words.length - 1] === 0) words.pop();
  const [first] = words;
  if (first === undefined) return made(1, 0, [0]);
  for (let power = BASE / 10; first < power; power /= 10) exponent -= 1;
  return made(1, exponent, words);
}

/** The most characters of a text that is read as a number. */
const LONGEST = 100;
/** Beyond this power of ten no value is in range, and its plain text would be long. */
const HIGHEST = 30;
/** A text that the native part reads by itself. */
const PLAIN = /^\d+(\.\d+)?$/;

/**
 * An amount or a price as the native part takes it: a plain decimal. Exact whatever it is given as: what
 * `decimal.js` reads of a text, a `Decimal`, a `bigint`. Texts that are no number stay what they are, for the
 * native part to refuse. Undefined for what is none of these, a number among them: it may be rounded already.
 *
 * @internal
 */
export function plainText(value: unknown): string | undefined {
  if (typeof value === 'string') return PLAIN.test(value) ? value : respelled(value);
  if (typeof value === 'bigint') return String(value);
  if (!isDecimal(value)) return undefined;
  const { s, e } = value as unknown as Digits;
  const isShort = Number.isInteger(s) && Math.abs(e) <= HIGHEST;
  return isShort ? new Class(value).toFixed() : String(new Class(value));
}

/** A `Decimal` of any module of `decimal.js`, or a structured clone of one of ours. */
function isDecimal(value: unknown): value is Decimal {
  if (typeof value !== 'object' || value === null || !('toStringTag' in value)) return false;
  return value.toStringTag === '[object Decimal]' && 'd' in value && (value.d === null || Array.isArray(value.d));
}

function respelled(text: string): string {
  if (text.length > LONGEST) return text;
  let value: Decimal;
  try {
    value = new Class(text);
  } catch {
    return text;
  }
  return value.isFinite() && Math.abs(value.e) <= HIGHEST ? value.toFixed() : text;
}
