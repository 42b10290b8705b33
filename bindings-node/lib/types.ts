import type { Decimal } from 'decimal.js';
import type { Order, Trade } from './values.js';

/**
 * An amount or a price on its way in: a decimal text, `1e-7` among them, a `Decimal` or a `bigint`. Exact, at
 * most 15 digits before the point and 8 after it. A number is refused: it may be rounded already.
 */
export type DecimalLike = string | Decimal | bigint;

/** Which side of the book an order is on. */
export type Side = 'buy' | 'sell';

/** How far an order has come. */
export type OrderStatus = 'pending' | 'partial' | 'filled' | 'cancelled';

/** One price of a book. */
export interface Level {
  price: string;
  /** What is open at this price, over all orders. */
  amount: string;
  /** How many orders stand at this price. */
  count: number;
  /** The part of `amount` that nobody signed; only where there is any (`P2P_LEGACY=match`). */
  unsigned?: string;
}

/** The best levels of a book at one moment. */
export interface OrderBookSnapshot {
  pair: string;
  /** Milliseconds since the epoch. */
  timestamp: number;
  /** The highest price first. */
  bids: Level[];
  /** The lowest price first. */
  asks: Level[];
}

/** To whom an order went at once. More nodes get it from these. */
export interface Distribution {
  success: boolean;
  distributedTo: string[];
  failedTo: string[];
}

/** What became of a new order. */
export interface OrderResult {
  success: boolean;
  /** `null` if the order was not placed. */
  orderId: string | null;
  /** Its confirmed trades so far, the oldest first. */
  trades: Trade[];
  /** The order, if a part of it is open; its `amount` is the whole amount, `filled` what is filled. */
  remainingOrder: Order | null;
  distribution: Distribution;
  /** Why the order was not placed, in words. */
  error?: string;
  /** Why the order was not placed, as a label; see {@link OrderError}. */
  code?: string;
}

/** `getP2PStats()`. */
export interface P2PStats {
  /** Whether a Grape answers. */
  hasGrenache: boolean;
  peers: {
    totalPeers: number;
    connectedPeers: number;
    healthyPeers: number;
    inboundPeers: number;
    outboundPeers: number;
    totalMessagesReceived: number;
    totalMessagesSent: number;
    totalBytesReceived: number;
    totalBytesSent: number;
  };
  discovery: {
    isRunning: boolean;
    strategies: { mdns: boolean; grenache: boolean; peerExchange: boolean };
    bootstrapPeers: number;
  };
  router: { queueSize: number; maxQueueSize: number; deduplicationCacheSize: number; hasGrenache: boolean };
  directConnection: {
    nodeId: string;
    host: string;
    port: number;
    isRunning: boolean;
    connections: number;
    pendingHandshakes: number;
  };
}

/** A counter for each node. */
export type VectorClock = Record<string, number>;

/** `getVectorClockStatus()`. */
export interface VectorClockStatus {
  /** This node's public key; empty before `initialize()`. */
  nodeId: string;
  /** For each owner of orders the number of the newest keep-alive that this node knows. */
  vectorClock: VectorClock;
  /** Own orders on their way. Nothing that came in ever waits. */
  pendingEvents: number;
  /** The same as `vectorClock`, by owner: what is known of an owner was processed. */
  lastProcessedClocks: Record<string, VectorClock>;
}

/** `OrderBook.getBestPrices()`. */
export interface BestPrices {
  bid: string | null;
  ask: string | null;
  spread: string | null;
}

/** `OrderBook.getMetrics()`. Latencies are in microseconds. */
export interface OrderBookMetrics {
  /** Orders that were ever taken in. */
  totalOrders: number;
  /** Trades that ever were. */
  totalTrades: number;
  averageLatency: number;
  maxLatency: number;
  minLatency: number;
  /** Open orders. */
  orderCount: number;
  tradeCount: number;
  buyLevels: number;
  sellLevels: number;
  /** Orders that wait for their turn. */
  eventQueue: number;
}

/** An order for {@link OrderBook.addOrder}. */
export interface OrderInput {
  /** 3 to 50 characters of `A-Z a-z 0-9 . _ -`. */
  userId: string;
  side: Side;
  /** More than 0. */
  amount: DecimalLike;
  /** More than 0. */
  price: DecimalLike;
  /** The book's own, if given. */
  pair?: string;
}

/** What {@link OrderBook.addOrder} did. */
export interface AddOrderResult {
  trades: Trade[];
  remainingOrder: Order | null;
  /** Why the order was not taken, in words that name the field; absent if it was. */
  error?: string;
}
