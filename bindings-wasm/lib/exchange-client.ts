import { EventEmitter } from 'eventemitter3';
import init, { NodeCore } from '../pkg/meshbook.js';
import { Addresses } from './addresses.js';
import { plainText } from './decimals.js';
import { Driver } from './driver.js';
import { InvalidValueError, MeshbookError, OrderError, StartError, isFailure } from './errors.js';
import { EventQueue, type ExchangeEvent, type ExchangeEvents, toEvent } from './events.js';
import { fromHex, random, randomUUID, toHex } from './random.js';
import { knowsItself, refusesCopies, throughProxies } from './raw.js';
import { Store, StoreLost } from './store.js';
import type { DecimalLike, Order, OrderBookSnapshot, OrderResult, P2PStats, Peer, PlacedOrder, Side, Trade } from './types.js';
import { type OrderText, type TradeText, toOrder, toPlaced, toTrade } from './values.js';

/** All optional. */
export interface ExchangeClientOptions {
  /** What is traded. `BTC/USD` if absent. */
  pair?: string | undefined;
  /**
   * `local` (if absent), `testnet`, `mainnet`, or `local:NAME` for a private network; nodes of different
   * networks refuse each other.
   */
  network?: string | undefined;
  /** The name that this node's orders carry, 3 to 50 characters of `A-Z a-z 0-9 . _ -`. A random UUID if absent. */
  userId?: string | undefined;
  /**
   * Nodes to dial, `host:port` of their P2P port. They tell of others. One behind a proxy for TLS, or below a path,
   * is named by the URL of its WebSocket, `wss://node.example/path/`.
   */
  peers?: readonly string[] | undefined;
  /** Under which name the key, the orders and the peers are kept in this browser. `default` if absent; with null nothing is kept. */
  name?: string | null | undefined;
  /** The key of {@link ExchangeClient.exportKey}, for a name that has none yet. */
  key?: string | undefined;
  /** The largest amount of one order. `1000000` if absent. */
  maxOrderAmount?: string | undefined;
  /** The highest price of one order. `1000000` if absent. */
  maxOrderPrice?: string | undefined;
}

/** An order for {@link ExchangeClient.placeOrder}. */
export interface OrderRequest {
  side: Side;
  /** More than 0. */
  amount: DecimalLike;
  /** More than 0; absent for a market order. */
  price?: DecimalLike | undefined;
  /** `limit` if absent. */
  type?: 'limit' | 'market' | undefined;
  /** `gtc` stands till it is cancelled (the default), `ioc` fills what it can at once (the default of market
   * orders), `fok` fills all at once or nothing, `post` only rests. */
  timeInForce?: 'gtc' | 'ioc' | 'fok' | 'post' | undefined;
  /** Whose order it is; the client's own user if absent. */
  userId?: string | undefined;
  /** It is closed after so many milliseconds. */
  lifetime?: number | undefined;
  /** Aborted, the promise rejects with the signal's reason, and what is open of the order is cancelled. Trades
   * that were made stay. */
  signal?: AbortSignal | undefined;
}

/** A key as text. */
const KEY = /^[0-9a-f]{64}$/i;

/**
 * A node of the exchange in this page, or in its worker. It reaches other nodes by WebSockets, and trades with
 * all that they reach.
 */
export class ExchangeClient extends EventEmitter<ExchangeEvents> {
  readonly userId: string;
  readonly pair: string;
  readonly #options: Required<Pick<ExchangeClientOptions, 'network' | 'peers' | 'maxOrderAmount' | 'maxOrderPrice'>>;
  readonly #name: string | null;
  readonly #key: string | undefined;
  readonly #addresses = new Addresses();
  readonly #settling = new Map<string, Settle>();
  /** Orders that were reported as failed before they could be written. */
  readonly #unconfirmed = new Set<string>();
  readonly #queues = new Set<EventQueue>();
  #core: NodeCore | undefined;
  #driver: Driver | undefined;
  #seed: Uint8Array<ArrayBuffer> | undefined;
  #start: Promise<void> | undefined;
  #end: Promise<void> | undefined;
  #lost: MeshbookError | undefined;

  constructor(options: ExchangeClientOptions = {}) {
    super();
    knowsItself(this);
    refusesCopies(this, 'ExchangeClient', 'it is a node with a key of its own; make the client where it is needed');
    this.pair = options.pair ?? 'BTC/USD';
    this.userId = options.userId ?? randomUUID();
    this.#name = options.name === undefined ? 'default' : options.name;
    this.#key = options.key;
    if (options.key !== undefined && !KEY.test(options.key)) {
      throw new InvalidValueError('key', 'not shown', '64 hex digits, as exportKey() gives them');
    }
    this.#options = {
      network: options.network ?? 'local',
      peers: (options.peers ?? []).map((peer) => this.#addresses.read(peer, 'peers')),
      maxOrderAmount: options.maxOrderAmount ?? '1000000',
      maxOrderPrice: options.maxOrderPrice ?? '1000000',
    };
  }

  /** The node's id, which is its public key, once it was started. */
  get nodeId(): string | undefined {
    return this.#core?.nodeId();
  }

  /** Whether the node runs. */
  get isInitialized(): boolean {
    return this.#driver !== undefined && this.#end === undefined && this.#lost === undefined;
  }

  /**
   * Takes the key and the orders of this browser, and begins to dial peers. A second call does nothing. Peers
   * that can't be reached are no failure.
   *
   * @throws StartError, with code `IN_USE` if another tab has this key; InvalidValueError
   */
  initialize(): Promise<void> {
    this.#start ??= this.#initialize().catch((error: unknown) => {
      // It may be tried again.
      this.#start = undefined;
      throw error;
    });
    return this.#start;
  }

  async #initialize(): Promise<void> {
    if (this.#end) throw new StartError('SHUTTING_DOWN', 'the client was shut down');
    await init().catch((error: unknown) => {
      throw new StartError('WASM_FAILED', `the node's program can't be loaded: ${String(error)}`, { cause: error });
    });
    const store = this.#name === null ? null : await Store.open(this.#name);
    try {
      this.#seed = await this.#loadKey(store);
      const options = { ...this.#options, pair: this.pair, userId: this.userId };
      const core = new NodeCore(JSON.stringify(options), this.#seed, random());
      if (store) core.restore(await store.entries());
      core.start((await store?.get<string>('peers')) ?? '[]');
      if (this.#end) throw new StartError('SHUTTING_DOWN', 'the client was shut down');
      this.#core = core;
      this.#driver = new Driver(core, store, this.#addresses, {
        event: (json) => this.#tell(toEvent(json)),
        settled: (orderId, json) => {
          this.#settling.get(orderId)?.(json);
          this.#settling.delete(orderId);
        },
        stalled: () => this.#giveUpOrders(),
        works: () => this.#cancelUnconfirmed(),
        lost: (error) => this.#stopForGood(error),
      });
    } catch (error) {
      store?.close();
      if (error instanceof MeshbookError) throw error;
      if (error instanceof StoreLost) throw new StartError(error.code, error.message, { cause: error });
      if (error instanceof Error || !isFailure(error)) {
        const message = `the storage of this browser can't be used: ${String(error)}`;
        throw new StartError('STORAGE_FAILED', message, { cause: error });
      }
      const { field, value, allowed } = error;
      const inOptions = field !== undefined && field in { ...this.#options, pair: 0, userId: 0 };
      throw inOptions
        ? new InvalidValueError(field, value ?? '', allowed ?? '')
        : new StartError('STORAGE_UNREADABLE', `what this browser keeps can't be read by this version: ${error.message}`);
    }
  }

  async #loadKey(store: Store | null): Promise<Uint8Array<ArrayBuffer>> {
    const kept = await store?.get<Uint8Array<ArrayBuffer>>('key');
    const given = this.#key === undefined ? undefined : fromHex(this.#key);
    if (kept) {
      if (given && toHex(given) !== toHex(kept)) {
        const message = `the name ${JSON.stringify(this.#name)} has another key already: take another name`;
        throw new StartError('KEY_EXISTS', message);
      }
      return kept;
    }
    const key = given ?? random();
    await store?.set('key', key);
    return key;
  }

  /**
   * Buys at `price` or less. Resolves when the order is filled or stands in everybody's book, also if it could
   * not be placed: `success` is false then, and `error` says why.
   *
   * @throws OrderError before `initialize()`, and only then
   */
  placeBuyOrder(amount: DecimalLike, price: DecimalLike): Promise<OrderResult> {
    return this.#placeLimit('buy', amount, price);
  }

  /** Sells at `price` or more. See {@link placeBuyOrder}. */
  placeSellOrder(amount: DecimalLike, price: DecimalLike): Promise<OrderResult> {
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
   * It rejects with the code `STORAGE_STALLED` if the browser could not write the order down for some 10 s. The
   * order is not published then, and cancelled as soon as the storage works again.
   *
   * @throws OrderError if it was not placed; the reason of `signal`
   */
  async placeOrder({ signal, ...order }: OrderRequest): Promise<PlacedOrder> {
    signal?.throwIfAborted();
    if (this.#end) throw new OrderError('SHUTTING_DOWN', 'the node is shutting down');
    if (this.#lost) throw new OrderError(this.#lost.code, this.#lost.message);
    if (!this.#core) throw new OrderError('NOT_INITIALIZED', 'Exchange client not initialized');
    let id: string;
    try {
      id = this.#core.place(JSON.stringify(texts(order)));
    } catch (error) {
      if (error instanceof MeshbookError || !isFailure(error)) throw error;
      throw new OrderError(error.code, error.message, error.field);
    }
    return await new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#settling.delete(id);
        this.cancelOrder(id);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#settling.set(id, (result) => {
        signal?.removeEventListener('abort', abort);
        if (typeof result === 'string') resolve(toPlaced(result));
        else reject(result);
      });
      this.#driver?.wake();
    });
  }

  /** Cancels an own order, also a partly filled one. From then on it can't be taken. False if it is not open. */
  cancelOrder(orderId: string): boolean {
    const cancelled = this.isInitialized && this.#core?.cancel(orderId) === true;
    this.#driver?.wake();
    return cancelled;
  }

  /** The best `depth` levels of each side. */
  getOrderBook(depth: number = 10): OrderBookSnapshot {
    if (!this.#core) return { pair: this.pair, timestamp: Date.now(), bids: [], asks: [] };
    return JSON.parse(this.#core.orderBook(count(depth))) as OrderBookSnapshot;
  }

  /** This node's open orders, newest first. */
  getUserOrders(): Order[] {
    return this.#read<OrderText[]>((core) => core.userOrders(), []).map(toOrder);
  }

  /** An order of this node, open or among the last closed ones. */
  getOrder(orderId: string): Order | undefined {
    const order = this.#read<OrderText | null>((core) => core.order(orderId), null);
    return order ? toOrder(order) : undefined;
  }

  /** All orders of this node that it remembers, newest first. */
  getOrderHistory(): Order[] {
    return this.#read<OrderText[]>((core) => core.orderHistory(), []).map(toOrder);
  }

  /** The latest trades, anybody's, newest first. */
  getRecentTrades(limit: number = 50): Trade[] {
    return this.#read<TradeText[]>((core) => core.trades(count(limit)), []).map(toTrade);
  }

  /** All trades that the node remembers, anybody's, newest first. */
  getTradeHistory(): Trade[] {
    return this.getRecentTrades(Infinity);
  }

  /** Every known peer, connected ones first. */
  getPeers(): Peer[] {
    return this.#read<Peer[]>((core) => core.peers(), []);
  }

  /** Figures of peers and messages. @throws OrderError before `initialize()` */
  getP2PStats(): P2PStats {
    if (!this.#core) throw new MeshbookError('NOT_INITIALIZED', 'Exchange client not initialized');
    return JSON.parse(this.#core.stats()) as P2PStats;
  }

  /**
   * Dials a node from now on, `host:port` or the URL of its WebSocket.
   *
   * @throws InvalidValueError
   */
  addPeer(address: string): void {
    if (!this.#core) throw new MeshbookError('NOT_INITIALIZED', 'Exchange client not initialized');
    try {
      this.#core.addPeer(this.#addresses.read(address, 'address'));
    } catch (error) {
      if (!isFailure(error) || error instanceof MeshbookError) throw error;
      throw new InvalidValueError('address', address, error.allowed ?? 'host:port');
    }
    this.#driver?.wake();
  }

  /**
   * The secret key as 64 hex digits, for {@link ExchangeClientOptions.key} elsewhere. Whoever has it trades as
   * this node; two nodes with one key revoke it.
   */
  exportKey(): string {
    if (!this.#seed) throw new MeshbookError('NOT_INITIALIZED', 'Exchange client not initialized');
    return toHex(this.#seed);
  }

  /**
   * The events from now on, for `for await`. Ends with the client; an aborted `signal` makes it throw the
   * signal's reason. Events that are not taken wait, up to 65536 of them; the oldest are lost
   * beyond that, which an `error` event with the code `EVENTS_LOST` tells.
   */
  events({ signal }: { signal?: AbortSignal | undefined } = {}): AsyncIterableIterator<ExchangeEvent> {
    const abort = (): void => queue.end(signal?.reason);
    const queue = new EventQueue((ended) => {
      this.#queues.delete(ended);
      signal?.removeEventListener('abort', abort);
    });
    if (signal?.aborted) {
      abort();
    } else if (this.#end || this.#lost) {
      queue.end();
    } else {
      this.#queues.add(queue);
      signal?.addEventListener('abort', abort, { once: true });
    }
    return queue;
  }

  /**
   * Says goodbye to the peers and ends everything. Open orders go on at the next start; those of a client that
   * keeps nothing are closed. A second call does nothing more.
   */
  destroy(): Promise<void> {
    this.#end ??= this.#shutdown();
    return this.#end;
  }

  /** `await using client = ...` ends it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }

  async #shutdown(): Promise<void> {
    // Whatever becomes of a start that is under way.
    await this.#start?.catch(() => {});
    await this.#driver?.end();
    this.#settleAll(new OrderError('SHUTTING_DOWN', 'the node is shutting down'));
    for (const queue of [...this.#queues]) queue.end();
  }

  #settleAll(error: OrderError): void {
    for (const settle of this.#settling.values()) settle(error);
    this.#settling.clear();
  }

  /** Tells whoever waits for an order that it is not confirmed. */
  #giveUpOrders(): void {
    for (const id of this.#settling.keys()) this.#unconfirmed.add(id);
    const message =
      'the browser could not write the order down: it is not published, and is cancelled when the storage works again';
    this.#settleAll(new OrderError('STORAGE_STALLED', message));
  }

  #cancelUnconfirmed(): void {
    for (const id of this.#unconfirmed) this.#core?.cancel(id);
    this.#unconfirmed.clear();
  }

  #stopForGood({ code, message }: StoreLost): void {
    this.#lost = new MeshbookError(code, `the node has ended: ${message}`);
    this.#settleAll(new OrderError(code, `the order was not placed: ${message}`));
    this.#tell({ type: 'error', error: this.#lost });
    for (const queue of [...this.#queues]) queue.end();
  }

  /** What JSON shows of a client. */
  toJSON(): { userId: string; pair: string; isInitialized: boolean } {
    const { userId, pair, isInitialized } = this;
    return { userId, pair, isInitialized };
  }

  #read<T>(read: (core: NodeCore) => string, otherwise: T): T {
    return this.#core ? (JSON.parse(read(this.#core)) as T) : otherwise;
  }

  #tell(event: ExchangeEvent): void {
    for (const queue of this.#queues) queue.push(event);
    try {
      this.#emit(event);
    } catch (error) {
      // A listener's fault is none of the node's.
      reportError(error);
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
        this.emit('error', event.error);
        break;
    }
  }
}

throughProxies(ExchangeClient.prototype);

/** Takes what became of an order: its result as JSON, or why there is none. */
type Settle = (result: string | OrderError) => void;

/** The order, with what must be text checked for being text: a number may have been rounded. */
function texts(order: Omit<OrderRequest, 'signal'>): object {
  const [amount, price] = [plainText(order.amount), plainText(order.price)];
  const given = { ...order, amount: amount ?? order.amount, price: price ?? order.price };
  for (const field of ['side', 'amount', 'price', 'type', 'timeInForce', 'userId'] as const) {
    const value: unknown = given[field];
    const optional = field !== 'side' && field !== 'amount';
    if (typeof value === 'string' || (optional && value === undefined)) continue;
    const isDecimal = field === 'amount' || field === 'price';
    const allowed = isDecimal ? 'a decimal string like "1.5", a Decimal or a bigint' : 'a string';
    throw new OrderError('INVALID_ORDER', new InvalidValueError(field, String(value), allowed).message, field);
  }
  const { lifetime } = order;
  if (lifetime !== undefined && !(Number.isSafeInteger(lifetime) && lifetime > 0)) {
    const { message } = new InvalidValueError('lifetime', String(lifetime), 'a whole number of milliseconds, 1 or more');
    throw new OrderError('INVALID_ORDER', message, 'lifetime');
  }
  return given;
}

/** How many, as the wasm part takes it. */
function count(number: number): number {
  return Number.isNaN(number) ? 0 : Math.trunc(Math.min(Math.max(number, 0), 2 ** 32 - 1));
}

export default ExchangeClient;
