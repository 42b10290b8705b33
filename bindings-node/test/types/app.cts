// The same with `require`.
import meshbook = require('meshbook');
import orderbook = require('meshbook/orderbook');
import client = require('meshbook/exchange-client');

export async function run(): Promise<string> {
  const one: meshbook.ExchangeClient = new client.default({ dataDir: null });
  const other = new meshbook.default();
  const { remainingOrder } = await new orderbook.OrderBook().addOrder({ userId: 'bob', side: 'sell', amount: '1', price: '2' });
  const result: meshbook.OrderResult = await one.placeSellOrder('1', '2');
  await other.destroy();
  return remainingOrder?.amount.toString() ?? String(result.error);
}
