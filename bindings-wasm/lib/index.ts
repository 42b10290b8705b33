export { ExchangeClient, type ExchangeClientOptions, type OrderRequest } from './exchange-client.js';
export { InvalidValueError, MeshbookError, OrderError, StartError } from './errors.js';
export type { ExchangeEvent, ExchangeEvents } from './events.js';
export type * from './types.js';
export { ExchangeClient as default } from './exchange-client.js';
