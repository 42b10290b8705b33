import type { ExchangeClient } from 'meshbook-web';

export type { Order, OrderBookSnapshot as Book, OrderRequest, Peer, PlacedOrder, Level, Side, Trade } from 'meshbook-web';

/** The node that this tab is. */
export type Node = ExchangeClient;
export type OrderType = 'limit' | 'market';
export type TimeInForce = 'gtc' | 'ioc' | 'fok' | 'post';

/** The stable label of a node's error, if it has one. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
