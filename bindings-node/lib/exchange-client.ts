import { EventEmitter } from 'node:events';
import { inspect, type InspectOptions } from 'node:util';
import { plainText } from './decimals.js';
import { type Failure, OrderError, StartError, invalid, isFailure } from './errors.js';
import { EventQueue, type ExchangeEvent, type ExchangeEvents, toEvent } from './events.js';
import { GrenacheService } from './grenache-service.js';
import { Latency, LiveOrderBook } from './live-book.js';
import { type NativeClient, type NativeEvent, type Wish, native } from './native.js';
import { type ExchangeClientOptions, environment, settings } from './options.js';
import type { OrderBook } from './orderbook.js';
import { knowsItself, refusesCopies, throughProxies } from './raw.js';
import type { DecimalLike, OrderBookSnapshot, OrderResult, P2PStats, Side, VectorClockStatus } from './types.js';
import { type Order, type Trade, toOrder, toTrade } from './values.js';

/** An order for {@link ExchangeClient.placeOrder}. */
export interface OrderRequest {
  side: Side;
  /** More than 0. */
  amount: DecimalLike;
  /** More than 0; absent for a market order. */
  price?: DecimalLike | undefined;
  /** `limit` if absent. */
  type?: 'limit' | 'market' | undefined;
  /**
   * `gtc` stands till it is cancelled (the default), `ioc` fills what it can at once (the default of market
   * orders), `fok` fills all at once or nothing, `post` only rests.
   */
  timeInForce?: 'gtc' | 'ioc' | 'fok' | 'post' | undefined;
  /** Whose order it is; the client's own user if absent. */
  userId?: string | undefined;
  /** It is closed after so many milliseconds. */
  lifetime?: number | undefined;
  /**
   * Aborted, the promise rejects with the signal's reason, and what is open of the order is cancelled as
   * soon as it can be. Trades that were made stay.
   */
  signal?: AbortSignal | undefined;
}

/** A node whose object is collected ends: one that runs is not to depend on who still holds it. */
const running = new Set<ExchangeClient>();

/** A placed order. */
export type PlacedOrder = OrderResult & { success: true; orderId: string };

/**
 * A node of the exchange.
 *
 * It runs on threads of its own. It keeps the process alive while it starts, places an order or ends, and
 * while somebody waits in {@link events}; {@link ref} lets it do so until its end.
 */
export class ExchangeClient extends EventEmitter<ExchangeEvents> {
  readonly #native: NativeClient;
  readonly #book: LiveOrderBook;
  readonly #latency = new Latency();
  #grenache: GrenacheService | undefined;
  readonly #queues = new Set<EventQueue>();
  readonly #placing = new Set<Promise<unknown>>();
  #follows = false;
  #toldAll = (): void => {};
  /** Once the last event is told. */
  readonly #told = new Promise<void>((resolve) => (this.#toldAll = resolve));
  #alive: NodeJS.Timeout | undefined;
  #end: Promise<void> | undefined;

  /** @throws InvalidValueError that names the option or the environment variable */
  constructor(options: ExchangeClientOptions = {}) {
    super();
    knowsItself(this);
    const instead = 'it is a node with threads and a key of its own; make a client where it is needed';
    refusesCopies(this, 'ExchangeClient', instead);
    const client = native.createClient(settings(options), environment(), options.dataDir !== null);
    if (isFailure(client)) throw invalid(client);
    this.#native = client;
    this.#book = new LiveOrderBook(this, client, this.#latency, () => this.#placing.size);
  }

  /** Whose orders are that name nobody. */
  get userId(): string {
    return this.#native.userId;
  }

  /** What is traded. */
  get pair(): string {
    return this.#native.pair;
  }

  /** The live book: what everybody offers. */
  get orderbook(): OrderBook {
    return this.#book;
  }

  /**
   * The peer RPC of Grenache, by itself. The node finds peers at Grapes without it, and speaks this RPC to
   * original nodes where `P2P_LEGACY` says so: it is for applications that used it directly, and does
   * nothing until it is initialized. It ends with the client.
   */
  get grenacheService(): GrenacheService {
    return (this.#grenache ??= new GrenacheService(this.#native.grapeUrls.join(',')));
  }

  /** Whether the node runs. */
  get isInitialized(): boolean {
    return this.#native.isInitialized;
  }

  /**
   * Listens for peers and begins to look for them. A second call does nothing. Peers or Grapes that can't be
   * reached are no failure.
   *
   * @throws StartError, with code `EADDRINUSE` if the port is in use
   */
  async initialize(): Promise<void> {
    const failure = await this.#native.initialize();
    if (failure) throw new StartError(failure.code, failure.message);
    if (!this.#end) running.add(this);
  }

  /**
   * Buys at `price` or less. Resolves when the order is filled or stands in everybody's book, also if it
   * could not be placed: `success` is false then, and `error` says why.
   *
   * @throws OrderError before `initialize()`, and only then
   */
  async placeBuyOrder(amount: DecimalLike, price: DecimalLike): Promise<OrderResult> {
    return this.#placeLimit('buy', amount, price);
  }

  /** Sells at `price` or more. See {@link placeBuyOrder}. */
  async placeSellOrder(amount: DecimalLike, price: DecimalLike): Promise<OrderResult> {
    return this.#placeLimit('sell', amount, price);
  }

  async #placeLimit(side: Side, amount: DecimalLike, price: DecimalLike): Promise<OrderResult> {
    try {
      return await this.placeOrder({ side, amount, price });
    } catch (error) {
      const known = error instanceof OrderError;
      if (known && error.code === 'NOT_INITIALIZED') throw error;
      return {
        success: false,
        orderId: null,
        trades: [],
        remainingOrder: null,
        distribution: { success: false, distributedTo: [], failedTo: [] },
        error: error instanceof Error ? error.message : String(error),
        code: known ? error.code : 'INTERNAL',
      };
    }
  }

  /**
   * Places an order of any kind. Resolves when it is filled, closed, or stands in everybody's book.
   *
   * @throws OrderError if it was not placed; the reason of `signal`
   */
  async placeOrder(order: OrderRequest): Promise<PlacedOrder> {
    const { signal, ...wish } = order;
    signal?.throwIfAborted();
    const placing = this.#place(check(wish));
    const settled = placing.catch(() => {});
    this.#placing.add(settled);
    void settled.then(() => this.#placing.delete(settled));
    if (signal === undefined) return placing;
    return await new Promise((resolve, reject) => {
      const abort = (): void => {
        reject(signal.reason);
        // Its id is known only then.
        void placing.then(({ orderId, remainingOrder }) => {
          if (remainingOrder) this.cancelOrder(orderId);
        }, () => {});
      };
      signal.addEventListener('abort', abort, { once: true });
      placing.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
    });
  }

  async #place(wish: Wish): Promise<PlacedOrder> {
    const start = performance.now();
    const placed = await this.#native.place(wish);
    if (isFailure(placed)) throw refused(placed);
    this.#latency.note((performance.now() - start) * 1000);
    const { orderId, trades, remainingOrder, distribution } = placed;
    return {
      success: true,
      orderId,
      trades: trades.map(toTrade),
      remainingOrder: remainingOrder ? toOrder(remainingOrder) : null,
      distribution,
    };
  }

  /** Cancels an own order, also a partly filled one. From then on it can't be taken. False if it is not open. */
  cancelOrder(orderId: string): boolean {
    return this.#native.cancel(String(orderId)) === null;
  }

  /** The best `depth` levels of each side. */
  getOrderBook(depth: number = 10): OrderBookSnapshot {
    return this.#native.orderBook(depth);
  }

  /** This node's open orders, newest first. */
  getUserOrders(): Order[] {
    return this.#native.userOrders().map(toOrder);
  }

  /** An order of this node, open or among the last closed ones. */
  getOrder(orderId: string): Order | undefined {
    const order = this.#native.order(String(orderId));
    return order ? toOrder(order) : undefined;
  }

  /** The latest trades, anybody's, newest first. */
  getRecentTrades(limit: number = 50): Trade[] {
    return this.#native.trades(limit).map(toTrade);
  }

  /** All trades that the node remembers, anybody's, newest first. */
  getTradeHistory(): Trade[] {
    return this.#native.trades(Infinity).map(toTrade);
  }

  /** All orders of this node that it remembers, newest first. */
  getOrderHistory(): Order[] {
    return this.#native.orderHistory().map(toOrder);
  }

  /**
   * How far this node has heard of each other one. Nothing depends on it: orders and trades are sets, so
   * the order in which they come can't matter, and nothing ever waits for something else to come first.
   */
  getVectorClockStatus(): VectorClockStatus {
    const nodeId = this.#native.nodeId ?? '';
    const vectorClock = this.#native.clocks();
    if (nodeId !== '') vectorClock[nodeId] ??= 0;
    const single = ([node, n]: [string, number]): [string, Record<string, number>] => [node, { [node]: n }];
    const others = Object.entries(vectorClock).filter(([node]) => node !== nodeId);
    return {
      nodeId,
      vectorClock,
      pendingEvents: this.#placing.size,
      lastProcessedClocks: Object.fromEntries(others.map(single)),
    };
  }

  /** Resolves when no own order is on its way any more. */
  async forceProcessPendingEvents(): Promise<void> {
    await Promise.all(this.#placing);
  }

  getP2PStats(): P2PStats {
    return this.#native.p2pStats();
  }

  /**
   * The events from now on, for `for await`. Ends with the client; an aborted `signal` makes it throw the
   * signal's reason. Events that are not taken wait, up to 65536 of them.
   */
  events({ signal }: { signal?: AbortSignal | undefined } = {}): AsyncIterableIterator<ExchangeEvent> {
    const abort = (): void => queue.end(signal?.reason);
    const queue = new EventQueue((ended) => {
      this.#queues.delete(ended);
      signal?.removeEventListener('abort', abort);
    });
    if (signal?.aborted) {
      abort();
    } else if (this.#end) {
      queue.end();
    } else {
      this.#queues.add(queue);
      signal?.addEventListener('abort', abort, { once: true });
      this.#follow();
    }
    return queue;
  }

  /** Keeps the process alive until {@link unref} or the end of the client. */
  ref(): this {
    if (!this.#end) this.#alive ??= setInterval(() => {}, 2 ** 30);
    return this;
  }

  /** Takes {@link ref} back. */
  unref(): this {
    clearInterval(this.#alive);
    this.#alive = undefined;
    return this;
  }

  /** Says goodbye to the peers, saves them, and ends all that runs. A second call does nothing more. */
  destroy(): Promise<void> {
    this.#end ??= this.#shutdown();
    return this.#end;
  }

  /** `await using client = ...` ends it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }

  /** What JSON shows of a client. */
  toJSON(): { userId: string; pair: string; isInitialized: boolean } {
    const { userId, pair, isInitialized } = this;
    return { userId, pair, isInitialized };
  }

  /** @internal */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `ExchangeClient ${inspect(this.toJSON(), options)}`;
  }

  async #shutdown(): Promise<void> {
    const hold = setInterval(() => {}, 2 ** 30);
    try {
      await Promise.all([this.#native.shutdown(), this.#grenache?.destroy()]);
      if (this.#follows) await this.#told;
    } finally {
      clearInterval(hold);
      this.unref();
      running.delete(this);
      for (const queue of this.#queues) queue.end();
    }
  }

  /** From the first listener on: events that nobody wants stay where they are. */
  #follow(): void {
    if (this.#follows) return;
    this.#follows = true;
    this.#native.follow((events) => this.#tell(events));
  }

  #tell(events: NativeEvent[]): void {
    for (const native of events) {
      if (native.type === 'end') this.#toldAll();
      const event = toEvent(native);
      if (event === undefined) continue;
      for (const queue of this.#queues) queue.push(event);
      try {
        this.#emit(event);
      } catch (error) {
        // As if it were alone: the other events are told all the same.
        process.nextTick(() => {
          throw error;
        });
      }
    }
  }

  #emit(event: ExchangeEvent): void {
    switch (event.type) {
      case 'trade':
        this.emit('trade', event.trade, event.own);
        break;
      case 'order':
        this.emit('order', event.order);
        break;
      case 'book':
        this.emit('book', { bid: event.bid, ask: event.ask });
        break;
      case 'peer:connected':
        this.emit('peer:connected', { peer: event.peer, address: event.address });
        break;
      case 'peer:disconnected':
        this.emit('peer:disconnected', { peer: event.peer, reason: event.reason });
        break;
      case 'error':
        // Unheard, it would end the process.
        if (this.listenerCount('error') > 0) this.emit('error', event.error);
        break;
    }
  }

  static {
    for (const name of ['on', 'addListener', 'prependListener'] as const) {
      const add = EventEmitter.prototype[name];
      const value = function (this: ExchangeClient, event: string, listener: (...args: unknown[]) => void) {
        this.#follow();
        return add.call(this, event, listener);
      };
      // Typed as those of the class above; `once` and `prependOnceListener` come here too.
      Object.defineProperty(this.prototype, name, { value, writable: true, configurable: true });
    }
  }
}

/** What the native part can take: it is strict about types. */
function check(wish: Omit<OrderRequest, 'signal'>): Wish {
  const { side, amount, price, type, timeInForce, userId, lifetime } = wish;
  const refuse = (field: string, value: unknown, allowed: string): OrderError => {
    const shown = typeof value === 'object' && value !== null ? 'an object' : String(value);
    const message = `${field} ${shown} is not allowed: ${allowed}, not of type ${typeof value}`;
    return new OrderError('INVALID_ORDER', message, field);
  };
  const decimals = { amount: plainText(amount), price: plainText(price) };
  for (const [field, value] of Object.entries({ amount, price })) {
    const isThere = decimals[field as keyof typeof decimals] !== undefined;
    if (isThere || (field === 'price' && value === undefined)) continue;
    throw refuse(field, value, "a decimal string like '1.5', a Decimal or a bigint");
  }
  for (const [field, value] of Object.entries({ side, type, timeInForce, userId })) {
    if (typeof value === 'string' || (field !== 'side' && value === undefined)) continue;
    throw refuse(field, value, 'a string');
  }
  if (lifetime !== undefined && typeof lifetime !== 'number') {
    throw refuse('lifetime', lifetime, 'a number of milliseconds');
  }
  return { ...wish, ...decimals } as Wish;
}

throughProxies(ExchangeClient.prototype);

function refused({ code, message, field }: Failure): OrderError {
  return new OrderError(code, message, field);
}

export default ExchangeClient;
