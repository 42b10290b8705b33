import { inspect, type InspectOptions } from 'node:util';
import type { Decimal } from 'decimal.js';
import { decimal, shown } from './decimals.js';
import type { NativeOrder, NativeTrade } from './native.js';
import type { OrderStatus, Side } from './types.js';

/**
 * Where an object keeps what is no field of the contract. A property and no private field: these are not found
 * through a `Proxy`.
 */
const MORE = Symbol('meshbook.more');

function keep<T>(object: { [MORE]: T }, more: T): void {
  Object.defineProperty(object, MORE, { value: more, writable: true, configurable: true });
}

/** Shown as the plain object that it looks like. */
function show(name: string, value: object, depth: number, options: InspectOptions): string {
  return depth < 0 ? `[${name}]` : `${name} ${inspect({ ...value }, options)}`;
}

/** An order at one moment. Its fields are plain properties. */
export class Order {
  declare readonly id: string;
  declare readonly userId: string;
  declare readonly side: Side;
  /** The whole amount, filled or not. */
  declare amount: Decimal;
  /** The limit; null for a market order, which has none. */
  declare price: Decimal | null;
  declare readonly status: OrderStatus;
  /** When it was placed, in milliseconds since the epoch. */
  declare readonly timestamp: number;
  declare readonly pair: string;
  /** What is filled. @internal */
  declare [MORE]: string;

  /** @internal */
  constructor(
    id: string,
    userId: string,
    side: Side,
    amount: string,
    filled: string,
    price: string | null,
    status: OrderStatus,
    timestamp: number,
    pair: string,
  ) {
    this.id = id;
    this.userId = userId;
    this.side = side;
    this.amount = decimal(amount);
    this.price = price === null ? null : decimal(price);
    this.status = status;
    this.timestamp = timestamp;
    this.pair = pair;
    keep(this, filled);
  }

  /** The part of `amount` that is filled. */
  get filled(): Decimal {
    return decimal(this[MORE]);
  }

  /** The part of `amount` that is not filled. */
  get remaining(): Decimal {
    // Reckoned with what no proxy stands around.
    return shown(decimal(String(this.amount)).minus(this.filled));
  }

  /** @internal */
  [inspect.custom](depth: number, options: InspectOptions): string {
    return show('Order', this, depth, options);
  }
}

/** A trade. Everybody shows the same one under the same id. Its fields are plain properties. */
export class Trade {
  declare readonly id: string;
  declare readonly buyOrderId: string;
  declare readonly sellOrderId: string;
  declare amount: Decimal;
  /** The price of the order that rested. */
  declare price: Decimal;
  /** When it was filled, in milliseconds since the epoch. */
  declare readonly timestamp: number;
  /** @internal */
  declare [MORE]: { takerSide: Side; unsigned: boolean };

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
    this.id = id;
    this.buyOrderId = buyOrderId;
    this.sellOrderId = sellOrderId;
    this.amount = decimal(amount);
    this.price = decimal(price);
    this.timestamp = timestamp;
    keep(this, { takerSide, unsigned });
  }

  /** The side of the order that took. */
  get takerSide(): Side {
    return this[MORE].takerSide;
  }

  /** Whether one of the two orders was signed by nobody (`P2P_LEGACY=match`): only this node knows of it. */
  get unsigned(): boolean {
    return this[MORE].unsigned;
  }

  /** @internal */
  [inspect.custom](depth: number, options: InspectOptions): string {
    return show('Trade', this, depth, options);
  }
}

/** @internal */
export function toOrder(order: NativeOrder): Order {
  const { id, userId, side, amount, filled, price, status, timestamp, pair } = order;
  return new Order(id, userId, side, amount, filled, price ?? null, status, timestamp, pair);
}

/** @internal */
export function toTrade(trade: NativeTrade): Trade {
  const { id, buyOrderId, sellOrderId, amount, price, timestamp, takerSide, unsigned } = trade;
  return new Trade(id, buyOrderId, sellOrderId, amount, price, timestamp, takerSide, unsigned);
}
