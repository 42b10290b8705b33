import { randomUUID } from 'node:crypto';
import { inspect, type InspectOptions } from 'node:util';
import { plainText } from './decimals.js';
import { InvalidValueError, invalid, isFailure } from './errors.js';
import { type NativeBook, native } from './native.js';
import { knowsItself, refusesCopies, throughProxies } from './raw.js';
import type {
  AddOrderResult,
  BestPrices,
  OrderBookMetrics,
  OrderBookSnapshot,
  OrderInput,
  VectorClock,
} from './types.js';
import { Order, Trade, toOrder, toTrade } from './values.js';

/** Given in place of a pair by the view of a running node, which has no book of its own. @internal */
export const LIVE = Symbol('the book of a running node');

/**
 * An order book with price-time priority, usable without a node.
 *
 * A trade has the price of the order that rested. The last 10000 closed orders and the last 10000
 * trades stay readable. Closed orders and results are what was true at that moment: they don't
 * change later.
 */
export class OrderBook {
  readonly #native: NativeBook;
  readonly #nodeId: string;
  readonly #pair: string;
  readonly #orders: string;
  readonly #trades: string;
  /** What other nodes' clocks said; this one's own is `#ticks`. */
  #clock: VectorClock | undefined;
  #ticks = 0;
  /** Users whose names have been looked at: a name crosses to the native part once. */
  readonly #users = new Map<string, number>();

  /**
   * @param pair what is traded, like `BTC/USD`
   * @param nodeId this book's name in vector clocks; a random UUID if absent
   * @throws InvalidValueError
   */
  constructor(pair: string = 'BTC/USD', nodeId?: string) {
    knowsItself(this);
    refusesCopies(this, 'OrderBook', 'its orders are in native memory; make a book where it is needed');
    if ((pair as unknown) === LIVE) {
      // Every member that needs one of these is another one there.
      this.#native = this.#nodeId = this.#pair = this.#orders = this.#trades = undefined as never;
      return;
    }
    if (typeof pair !== 'string') {
      throw new InvalidValueError('pair', String(pair), 'a string like BTC/USD');
    }
    const book = native.createBook(pair, limits());
    if (isFailure(book)) throw invalid(book);
    this.#native = book;
    this.#pair = pair;
    this.#nodeId = nodeId ?? randomUUID();
    this.#orders = book.orderPrefix();
    this.#trades = book.tradePrefix();
  }

  /** What is traded. */
  get pair(): string {
    return this.#pair;
  }

  /** Open orders. */
  get orderCount(): number {
    return this.#native.size().orders;
  }

  /** Trades that ever were. */
  get tradeCount(): number {
    return this.#native.size().trades;
  }

  /** Whether orders wait for their turn. */
  get isProcessing(): boolean {
    return false;
  }

  /**
   * Takes a limit order in. An order that is not allowed changes nothing, and gives no trades, no
   * order, and in `error` the reason.
   */
  async addOrder(order: OrderInput, vectorClock?: VectorClock): Promise<AddOrderResult> {
    if (vectorClock !== undefined) this.#merge(vectorClock);
    const { userId, side, pair } = order ?? {};
    if (typeof userId !== 'string') return refused('userId', userId, USER);
    if (side !== 'buy' && side !== 'sell') return refused('side', side, 'buy or sell');
    if (pair !== undefined && pair !== this.#pair) return refused('pair', pair, this.#pair);
    const amount = plainText(order.amount);
    if (amount === undefined) return refused('amount', order.amount, DECIMAL);
    const price = plainText(order.price);
    if (price === undefined) return refused('price', order.price, DECIMAL);
    const user = this.#users.get(userId) ?? this.#learn(userId);
    if (user < 0) return refused('userId', userId, USER);
    // What separates the two is in neither.
    if (amount.includes(' ')) return refused('amount', amount, DECIMAL);
    const now = Date.now();
    const did = this.#native.add(user * 2 + (side === 'buy' ? 1 : 0), `${amount} ${price}`, now);
    if (did.startsWith('!')) return { trades: [], remainingOrder: null, error: did.slice(did.indexOf(' ') + 1) };
    this.#ticks += 1;
    if (did.length === 16) {
      const id = this.#orders + did;
      return { trades: [], remainingOrder: new Order(id, userId, side, amount, '0', price, 'pending', now, this.#pair) };
    }
    const [number, filled, isOpen, ...fills] = did.split(',') as [string, string, string, ...string[]];
    const id = this.#orders + number;
    const trades: Trade[] = [];
    for (let at = 0; at < fills.length; at += 4) {
      const maker = this.#orders + fills[at + 1]!;
      const tradeId = this.#trades + fills[at]!;
      const [buyer, seller] = side === 'buy' ? [id, maker] : [maker, id];
      trades.push(new Trade(tradeId, buyer, seller, fills[at + 2]!, fills[at + 3]!, now, side, false));
    }
    if (isOpen === '0') return { trades, remainingOrder: null };
    return { trades, remainingOrder: new Order(id, userId, side, amount, filled, price, 'partial', now, this.#pair) };
  }

  /** The number by which the native part knows a user; -1 for a name that is not allowed. */
  #learn(userId: string): number {
    if (this.#users.size === USERS) {
      this.#users.clear();
      this.#native.forgetUsers();
    }
    const user = this.#native.user(userId);
    if (user >= 0) this.#users.set(userId, user);
    return user;
  }

  /** Cancels an order. False if none with this id is open. */
  cancelOrder(orderId: string): boolean {
    const cancelled = this.#native.cancel(String(orderId));
    if (cancelled) this.#ticks += 1;
    return cancelled;
  }

  /** An order, open or among the last closed ones. */
  getOrder(orderId: string): Order | undefined {
    const order = this.#native.order(String(orderId));
    return order ? toOrder(order) : undefined;
  }

  /** The best `depth` levels of each side. */
  getOrderBook(depth: number = 10): OrderBookSnapshot {
    return this.#native.orderBook(depth, Date.now());
  }

  /** The latest trades, newest first. */
  getRecentTrades(limit: number = 50): Trade[] {
    return this.#native.trades(limit).map(toTrade);
  }

  /** A user's open orders, newest first. */
  getUserOrders(userId: string): Order[] {
    return this.#native.userOrders(String(userId)).map(toOrder);
  }

  /** The highest bid, the lowest ask, and what lies between. */
  getBestPrices(): BestPrices {
    const { bid, ask, spread } = this.#native.best();
    return { bid: bid ?? null, ask: ask ?? null, spread: spread ?? null };
  }

  /** What lies between the highest bid and the lowest ask; `null` if a side is empty. */
  getSpread(): string | null {
    return this.getBestPrices().spread;
  }

  getMetrics(): OrderBookMetrics {
    const { orders, trades, bidLevels, askLevels } = this.#native.size();
    const { average, most, least } = this.#native.latency();
    return {
      totalOrders: this.#native.taken,
      totalTrades: trades,
      averageLatency: average,
      maxLatency: most,
      minLatency: least,
      orderCount: orders,
      tradeCount: trades,
      buyLevels: bidLevels,
      sellLevels: askLevels,
      eventQueue: 0,
    };
  }

  /** What JSON shows of a book. */
  toJSON(): { pair: string; orderCount: number; tradeCount: number } {
    return { pair: this.pair, orderCount: this.orderCount, tradeCount: this.tradeCount };
  }

  /** @internal */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `OrderBook ${inspect(this.toJSON(), options)}`;
  }

  /** How many changes there were: this book's own, and those of others as orders came with them. */
  getVectorClock(): VectorClock {
    return { ...this.#clock, [this.#nodeId]: this.#ticks };
  }

  #merge(clock: VectorClock): void {
    const entries: Iterable<[string, unknown]> = clock instanceof Map ? clock : Object.entries(clock ?? {});
    for (const [node, ticks] of entries) {
      if (typeof ticks !== 'number' || !Number.isSafeInteger(ticks) || ticks < 0) continue;
      if (node === this.#nodeId) {
        this.#ticks = Math.max(this.#ticks, ticks);
      } else if (ticks > (this.#clock?.[node] ?? -1)) {
        const known = (this.#clock ??= Object.create(null) as VectorClock);
        // Whoever sends orders makes names up: there is an end to them.
        if (node in known || Object.keys(known).length < NODES) known[node] = ticks;
      }
    }
  }
}

throughProxies(OrderBook.prototype);

const USER = '3 to 50 characters of A-Z a-z 0-9 . _ -';
const DECIMAL = "a decimal string like '1.5', a Decimal or a bigint";

/** What becomes of an order that is not allowed. @internal */
export function refused(field: string, value: unknown, allowed: string): AddOrderResult {
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 64)) : `of type ${typeof value}`;
  return { trades: [], remainingOrder: null, error: `${field} ${text} is not allowed: ${allowed}` };
}

/** The most nodes in a vector clock. */
const NODES = 1000;
/** So many users have numbers at a time. */
const USERS = 1024;

/** The variables that limit orders; the native side knows which name comes first. */
function limits(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of ['MAX_ORDER_AMOUNT', 'MAX_ORDER_PRICE']) {
    for (const variable of [`MESHBOOK_${name}`, name]) {
      const value = process.env[variable];
      if (value !== undefined) env[variable] = value;
    }
  }
  return env;
}

export default OrderBook;
