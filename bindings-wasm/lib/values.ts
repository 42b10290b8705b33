import type { Decimal } from 'decimal.js';
import { decimal } from './decimals.js';
import type { Distribution, Order, PlacedOrder, Trade } from './types.js';

/** With decimals as the strings that they are in JSON. */
type Text<T> = {
  [K in keyof T]: T[K] extends Decimal ? string : T[K] extends Decimal | null ? string | null : T[K];
};

/** @internal */
export type OrderText = Text<Order>;
/** @internal */
export type TradeText = Text<Trade>;

interface PlacedText {
  orderId: string;
  trades: TradeText[];
  remainingOrder: OrderText | null;
  distribution: Distribution;
}

/** @internal */
export function toOrder(order: OrderText): Order {
  const { amount, filled, price } = order;
  return { ...order, amount: decimal(amount), filled: decimal(filled), price: price === null ? null : decimal(price) };
}

/** @internal */
export function toTrade(trade: TradeText): Trade {
  return { ...trade, amount: decimal(trade.amount), price: decimal(trade.price) };
}

/** @internal */
export function toPlaced(json: string): PlacedOrder {
  const { orderId, trades, remainingOrder, distribution } = JSON.parse(json) as PlacedText;
  return {
    success: true,
    orderId,
    trades: trades.map(toTrade),
    remainingOrder: remainingOrder && toOrder(remainingOrder),
    distribution,
  };
}
