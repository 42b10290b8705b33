import { OrderError } from './errors.js';
import type { ExchangeClient } from './exchange-client.js';
import type { NativeClient } from './native.js';
import { LIVE, OrderBook, refused } from './orderbook.js';
import { throughProxies } from './raw.js';
import type {
  AddOrderResult,
  BestPrices,
  OrderBookMetrics,
  OrderBookSnapshot,
  OrderInput,
  VectorClock,
} from './types.js';
import { type Order, type Trade, toOrder, toTrade } from './values.js';

/** How long orders took until they were filled or published, in microseconds. @internal */
export class Latency {
  total = 0;
  count = 0;
  most = 0;
  least = 0;

  note(micros: number): void {
    this.least = this.count === 0 ? micros : Math.min(this.least, micros);
    this.most = Math.max(this.most, micros);
    this.total += micros;
    this.count += 1;
  }
}

/** The book of a running node: what everybody offers. Orders that are added are the node's own. @internal */
export class LiveOrderBook extends OrderBook {
  readonly #client: ExchangeClient;
  readonly #native: NativeClient;
  readonly #latency: Latency;
  readonly #placing: () => number;

  constructor(client: ExchangeClient, native: NativeClient, latency: Latency, placing: () => number) {
    super(LIVE as unknown as string);
    this.#client = client;
    this.#native = native;
    this.#latency = latency;
    this.#placing = placing;
  }

  override get pair(): string {
    return this.#native.pair;
  }

  override get orderCount(): number {
    return this.#native.bookSize().orders;
  }

  override get tradeCount(): number {
    return this.#native.bookSize().trades;
  }

  override get isProcessing(): boolean {
    return this.#placing() > 0;
  }

  override async addOrder(order: OrderInput, _vectorClock?: VectorClock): Promise<AddOrderResult> {
    const { userId, side, amount, price, pair } = order ?? {};
    if (pair !== undefined && pair !== this.pair) return refused('pair', pair, this.pair);
    try {
      const { trades, remainingOrder } = await this.#client.placeOrder({ userId, side, amount, price });
      return { trades, remainingOrder };
    } catch (error) {
      if (!(error instanceof OrderError && error.code === 'INVALID_ORDER')) throw error;
      return { trades: [], remainingOrder: null, error: error.message };
    }
  }

  override cancelOrder(orderId: string): boolean {
    return this.#client.cancelOrder(orderId);
  }

  override getOrder(orderId: string): Order | undefined {
    return this.#client.getOrder(orderId);
  }

  override getOrderBook(depth: number = 10): OrderBookSnapshot {
    return this.#native.orderBook(depth);
  }

  override getRecentTrades(limit: number = 50): Trade[] {
    return this.#native.trades(limit).map(toTrade);
  }

  override getUserOrders(userId: string): Order[] {
    const orders = this.#native.userOrders().filter((order) => order.userId === userId);
    return orders.map(toOrder);
  }

  override getBestPrices(): BestPrices {
    const { bid, ask, spread } = this.#native.best();
    return { bid: bid ?? null, ask: ask ?? null, spread: spread ?? null };
  }

  override getMetrics(): OrderBookMetrics {
    const { orders, trades, bidLevels, askLevels } = this.#native.bookSize();
    const { total, count, most, least } = this.#latency;
    return {
      totalOrders: count,
      totalTrades: trades,
      averageLatency: count === 0 ? 0 : total / count,
      maxLatency: most,
      minLatency: least,
      orderCount: orders,
      tradeCount: trades,
      buyLevels: bidLevels,
      sellLevels: askLevels,
      eventQueue: this.#placing(),
    };
  }

  override getVectorClock(): VectorClock {
    return this.#client.getVectorClockStatus().vectorClock;
  }
}

throughProxies(LiveOrderBook.prototype);
