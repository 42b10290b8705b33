import { inspect, type InspectOptions } from 'node:util';
import { Decimal } from 'decimal.js';
import type { NativeOrder, NativeTrade } from './native.js';
import type { OrderStatus, Side } from './types.js';

/**
 * The class of amounts and prices. `decimal.js` is two modules, one for `import` and one for
 * `require`, each with a class of its own: applications shall get that of theirs.
 */
let Class: typeof Decimal = Decimal;

/** @internal */
export function useDecimal(other: typeof Decimal): void {
  Class = other;
}

/** A text until somebody looks, which is most often nobody. */
type Lazy = Decimal | string;

const read = (value: Lazy): Decimal => (typeof value === 'string' ? new Class(value) : value);

/**
 * Own properties like all others, but that their `Decimal` is made when it is asked for first. The
 * functions are the same for all objects, so all have one hidden class.
 */
function lazy<T>(get: (object: T) => Decimal, set: (object: T, value: Decimal) => void): PropertyDescriptor {
  return {
    configurable: true,
    enumerable: true,
    get(this: T) {
      return get(this);
    },
    set(this: T, value: Decimal) {
      set(this, value);
    },
  };
}

/** Shown as the plain object that it looks like. */
function show(name: string, value: object, depth: number, options: InspectOptions): string {
  return depth < 0 ? `[${name}]` : `${name} ${inspect({ ...value }, options)}`;
}

/** An order at one moment. */
export class Order {
  declare readonly id: string;
  declare readonly userId: string;
  declare readonly side: Side;
  /** The whole amount, filled or not. */
  declare amount: Decimal;
  /** The limit; of a market order the worst price that it takes. */
  declare price: Decimal;
  declare readonly status: OrderStatus;
  /** When it was placed, in milliseconds since the epoch. */
  declare readonly timestamp: number;
  declare readonly pair: string;

  #amount: Lazy;
  #price: Lazy;
  #filled: Lazy;

  static readonly #AMOUNT = lazy<Order>(
    (order) => (order.#amount = read(order.#amount)),
    (order, value) => (order.#amount = value),
  );
  static readonly #PRICE = lazy<Order>(
    (order) => (order.#price = read(order.#price)),
    (order, value) => (order.#price = value),
  );

  /** @internal */
  constructor(
    id: string,
    userId: string,
    side: Side,
    amount: string,
    filled: string,
    price: string,
    status: OrderStatus,
    timestamp: number,
    pair: string,
  ) {
    this.#amount = amount;
    this.#price = price;
    this.#filled = filled;
    this.id = id;
    this.userId = userId;
    this.side = side;
    Object.defineProperty(this, 'amount', Order.#AMOUNT);
    Object.defineProperty(this, 'price', Order.#PRICE);
    this.status = status;
    this.timestamp = timestamp;
    this.pair = pair;
  }

  /** The part of `amount` that is filled. */
  get filled(): Decimal {
    return (this.#filled = read(this.#filled));
  }

  /** The part of `amount` that is not filled. */
  get remaining(): Decimal {
    return this.amount.minus(this.filled);
  }

  /** @internal */
  [inspect.custom](depth: number, options: InspectOptions): string {
    return show('Order', this, depth, options);
  }
}

/** A trade. Everybody shows the same one under the same id. */
export class Trade {
  declare readonly id: string;
  declare readonly buyOrderId: string;
  declare readonly sellOrderId: string;
  declare amount: Decimal;
  /** The price of the order that rested. */
  declare price: Decimal;
  /** When it was filled, in milliseconds since the epoch. */
  declare readonly timestamp: number;

  #amount: Lazy;
  #price: Lazy;
  #takerSide: Side;
  #unsigned: boolean;

  static readonly #AMOUNT = lazy<Trade>(
    (trade) => (trade.#amount = read(trade.#amount)),
    (trade, value) => (trade.#amount = value),
  );
  static readonly #PRICE = lazy<Trade>(
    (trade) => (trade.#price = read(trade.#price)),
    (trade, value) => (trade.#price = value),
  );

  /** @internal */
  constructor(
    id: string,
    buyOrderId: string,
    sellOrderId: string,
    amount: string,
    price: string,
    timestamp: number,
    takerSide: Side,
    unsigned: boolean,
  ) {
    this.#amount = amount;
    this.#price = price;
    this.#takerSide = takerSide;
    this.#unsigned = unsigned;
    this.id = id;
    this.buyOrderId = buyOrderId;
    this.sellOrderId = sellOrderId;
    Object.defineProperty(this, 'amount', Trade.#AMOUNT);
    Object.defineProperty(this, 'price', Trade.#PRICE);
    this.timestamp = timestamp;
  }

  /** The side of the order that took. */
  get takerSide(): Side {
    return this.#takerSide;
  }

  /** Whether one of the two orders was signed by nobody (`P2P_LEGACY=match`): only this node knows of it. */
  get unsigned(): boolean {
    return this.#unsigned;
  }

  /** @internal */
  [inspect.custom](depth: number, options: InspectOptions): string {
    return show('Trade', this, depth, options);
  }
}

/** @internal */
export function toOrder(order: NativeOrder): Order {
  const { id, userId, side, amount, filled, price, status, timestamp, pair } = order;
  return new Order(id, userId, side, amount, filled, price, status, timestamp, pair);
}

/** @internal */
export function toTrade(trade: NativeTrade): Trade {
  const { id, buyOrderId, sellOrderId, amount, price, timestamp, takerSide, unsigned } = trade;
  return new Trade(id, buyOrderId, sellOrderId, amount, price, timestamp, takerSide, unsigned);
}
