import { type Connection, connection } from './connection.js';
import type { Frames } from './frames.js';
import type { Book, Node, Order, Peer, Trade } from './node.js';

/** Levels of a side that the page asks for. */
const DEPTH = 400;
/** Between two looks at peers: nothing tells of their latency. */
const PEERS_EVERY = 1000;
/** Own orders whose trades are marked as own. */
const MAX_OWN = 10_000;

/** What the page shows of its node. Parts are read when they are drawn, not when they change. */
export class Market {
  readonly node: Node;
  readonly #frames: Frames;
  readonly #own = new Set<string>();
  readonly #tradeListeners: ((trade: Trade, own: boolean) => void)[] = [];
  #book: Book | undefined;
  #running = false;
  #wasConnected = false;
  #aloneSince = performance.now();

  constructor(node: Node, frames: Frames) {
    this.node = node;
    this.#frames = frames;
    node.on('book', () => this.#bookChanged());
    node.on('trade', (trade, own) => this.#traded(trade, own));
    node.on('order', (order) => this.#ordered(order));
    node.on('peer:connected', () => frames.mark('peers'));
    node.on('peer:disconnected', () => frames.mark('peers'));
  }

  /** The node runs: all that it remembers is shown. */
  started(): void {
    this.#running = true;
    this.#aloneSince = performance.now();
    for (const order of this.node.getOrderHistory()) this.#remember(order.id);
    this.#book = undefined;
    this.#frames.mark('book', 'depth', 'trades', 'candles', 'orders', 'peers');
    setInterval(() => this.#frames.mark('peers'), PEERS_EVERY);
    for (const event of ['online', 'offline']) addEventListener(event, () => this.#frames.mark('peers'));
  }

  get running(): boolean {
    return this.#running;
  }

  /** The book as it is now, read once however many parts draw it. */
  book(): Pick<Book, 'bids' | 'asks'> {
    if (!this.#running) return { bids: [], asks: [] };
    return (this.#book ??= this.node.getOrderBook(DEPTH));
  }

  trades(limit: number): Trade[] {
    return this.#running ? this.node.getRecentTrades(limit) : [];
  }

  openOrders(): Order[] {
    return this.#running ? this.node.getUserOrders() : [];
  }

  history(): Order[] {
    return this.#running ? this.node.getOrderHistory() : [];
  }

  peers(): Peer[] {
    return this.#running ? this.node.getPeers() : [];
  }

  /** Which order of this node took part in a trade, if any. */
  ownSide(trade: Trade): 'buy' | 'sell' | 'both' | undefined {
    const [buy, sell] = [this.#own.has(trade.buyOrderId), this.#own.has(trade.sellOrderId)];
    if (buy && sell) return 'both';
    return buy ? 'buy' : sell ? 'sell' : undefined;
  }

  onTrade(listener: (trade: Trade, own: boolean) => void): void {
    this.#tradeListeners.push(listener);
  }

  /** How the node stands to others, at this moment. */
  connection(peers: Peer[]): Connection {
    const now = performance.now();
    if (peers.some((peer) => peer.status === 'connected')) {
      this.#wasConnected = true;
      this.#aloneSince = now;
    }
    return connection({
      running: this.#running,
      online: navigator.onLine,
      peers,
      wasConnected: this.#wasConnected,
      alone: now - this.#aloneSince,
    });
  }

  #bookChanged(): void {
    this.#book = undefined;
    this.#frames.mark('book', 'depth');
  }

  #traded(trade: Trade, own: boolean): void {
    for (const listener of this.#tradeListeners) listener(trade, own);
    this.#frames.mark('trades', 'candles');
    if (own) this.#frames.mark('orders');
  }

  #ordered(order: Order): void {
    this.#remember(order.id);
    this.#book = undefined;
    this.#frames.mark('orders', 'book', 'trades');
  }

  #remember(id: string): void {
    this.#own.add(id);
    if (this.#own.size <= MAX_OWN) return;
    const [oldest] = this.#own;
    if (oldest !== undefined) this.#own.delete(oldest);
  }
}
