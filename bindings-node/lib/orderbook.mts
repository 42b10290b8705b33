import { Decimal } from 'decimal.js';
import { OrderBook } from './orderbook.js';
import { useDecimal } from './decimals.js';

useDecimal(Decimal);

export type * from './types.js';
export { Order, Trade } from './values.js';
export { OrderBook, OrderBook as default };
