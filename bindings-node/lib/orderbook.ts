import { randomUUID } from 'node:crypto';
import { InvalidValueError, invalid, isFailure } from './errors.js';
import { type NativeBook, native } from './native.js';
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
   * Takes a limit order in. An order that is not allowed changes nothing, and gives no trades and no
   * order.
   */
  async addOrder(order: OrderInput, vectorClock?: VectorClock): Promise<AddOrderResult> {
    if (vectorClock !== undefined) this.#merge(vectorClock);
    const { userId, side, amount, price, pair } = order ?? {};
    if (
      typeof userId !== 'string' ||
      typeof amount !== 'string' ||
      typeof price !== 'string' ||
      (side !== 'buy' && side !== 'sell') ||
      (pair !== undefined && pair !== this.#pair)
    ) {
      return { trades: [], remainingOrder: null };
    }
    const user = this.#users.get(userId) ?? this.#learn(userId);
    if (user < 0) return { trades: [], remainingOrder: null };
    const now = Date.now();
    const did = this.#native.add(user * 2 + (side === 'buy' ? 1 : 0), `${amount} ${price}`, now);
    if (did === '') return { trades: [], remainingOrder: null };
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

/** The most nodes in a vector clock. */
const NODES = 1000;
/** So many users have numbers at a time. */
const USERS = 1024;

function limits(): Record<string, string> {
  const { MAX_ORDER_AMOUNT, MAX_ORDER_PRICE } = process.env;
  return {
    ...(MAX_ORDER_AMOUNT !== undefined && { MAX_ORDER_AMOUNT }),
    ...(MAX_ORDER_PRICE !== undefined && { MAX_ORDER_PRICE }),
  };
}

export default OrderBook;
