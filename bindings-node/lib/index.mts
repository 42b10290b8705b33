import { Decimal } from 'decimal.js';
import { ExchangeClient } from './exchange-client.js';
import { useDecimal } from './decimals.js';

useDecimal(Decimal);

export { InvalidValueError, MeshbookError, OrderError, StartError } from './errors.js';
export { GrenacheService } from './grenache-service.js';
export { OrderBook } from './orderbook.js';
export { Order, Trade } from './values.js';
export type { OrderRequest, PlacedOrder } from './exchange-client.js';
export type { ExchangeEvent, ExchangeEvents } from './events.js';
export type { ExchangeClientOptions, P2POptions } from './options.js';
export type * from './types.js';
export { ExchangeClient, ExchangeClient as default };
