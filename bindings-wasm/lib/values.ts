import { Decimal } from 'decimal.js';
import type { Distribution, Order, PlacedOrder, Trade } from './types.js';

/** With decimals as the strings that they are in JSON. */
type Text<T> = { [K in keyof T]: T[K] extends Decimal ? string : T[K] };

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
  return { ...order, amount: new Decimal(amount), filled: new Decimal(filled), price: new Decimal(price) };
}

/** @internal */
export function toTrade(trade: TradeText): Trade {
  return { ...trade, amount: new Decimal(trade.amount), price: new Decimal(trade.price) };
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
