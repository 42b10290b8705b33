export { ExchangeClient } from './exchange-client.js';
export type { OrderRequest, PlacedOrder } from './exchange-client.js';
export { ExchangeClient as default } from './exchange-client.js';
export { InvalidValueError, MeshbookError, OrderError, StartError } from './errors.js';
export { OrderBook } from './orderbook.js';
export { Order, Trade } from './values.js';
export type { ExchangeEvent, ExchangeEvents } from './events.js';
export type { ExchangeClientOptions, P2POptions } from './options.js';
export type * from './types.js';
