import type { Decimal } from 'decimal.js';

/**
 * An amount or a price on its way in: a decimal text, `1e-7` among them, a `Decimal` or a `bigint`. Exact, at
 * most 15 digits before the point and 8 after it. A number is refused: it may be rounded already.
 */
export type DecimalLike = string | Decimal | bigint;

export type Side = 'buy' | 'sell';
export type OrderStatus = 'pending' | 'partial' | 'filled' | 'cancelled';

/** An order at one moment. */
export interface Order {
  id: string;
  userId: string;
  side: Side;
  /** The whole amount, filled or not. */
  amount: Decimal;
  /** The part of `amount` that is filled. */
  filled: Decimal;
  /** The limit; null for a market order, which has none. */
  price: Decimal | null;
  status: OrderStatus;
  /** When it was placed, in milliseconds since the epoch. */
  timestamp: number;
  pair: string;
}

/** A trade. Everybody shows the same one under the same id. */
export interface Trade {
  id: string;
  buyOrderId: string;
  sellOrderId: string;
  amount: Decimal;
  /** The price of the order that rested. */
  price: Decimal;
  /** When it was filled, in milliseconds since the epoch. */
  timestamp: number;
  /** The side of the order that took. */
  takerSide: Side;
}

/** One price of the book. Decimals are strings. */
export interface Level {
  price: string;
  amount: string;
  /** How many orders stand at this price. */
  count: number;
}

/** The best levels of the book at one moment. */
export interface OrderBookSnapshot {
  pair: string;
  timestamp: number;
  /** Highest price first. */
  bids: Level[];
  /** Lowest price first. */
  asks: Level[];
}

/** To whom an order went at once. More peers get it by gossip. */
export interface Distribution {
  success: boolean;
  distributedTo: string[];
  failedTo: string[];
}

/** What became of a new order by the time that it was filled, closed or published. */
export interface OrderResult {
  success: boolean;
  /** Null where it was not placed. */
  orderId: string | null;
  /** Its trades so far, oldest first. */
  trades: Trade[];
  /** The order, if a part of it is still open. */
  remainingOrder: Order | null;
  distribution: Distribution;
  /** Why it was not placed, for people. */
  error?: string;
  /** The same as a stable label. */
  code?: string;
}

/** A placed order. */
export type PlacedOrder = OrderResult & { success: true; orderId: string };

/** A connected or known peer. */
export interface Peer {
  nodeId: string | null;
  /** `host:port`. */
  address: string | null;
  status: 'connected' | 'connecting' | 'disconnected';
  direction: 'inbound' | 'outbound' | null;
  dialect: string | null;
  source: string;
  /** When it last said anything, in milliseconds since the epoch. */
  lastSeen: number | null;
  lastHeartbeat: number | null;
  healthy: boolean;
  /** The round-trip time of the last heartbeat in milliseconds. */
  latency: number | null;
  /** Dials that failed since one worked. */
  failures: number;
  lastTried: number | null;
  lastOutcome: string | null;
  score: number;
  capabilities: { version: string; supportedProtocols: string[] };
  stats: { messagesSent: number; messagesReceived: number; bytesSent: number; bytesReceived: number };
}

/** The figures of {@link ExchangeClient.getP2PStats}. */
export interface P2PStats {
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
