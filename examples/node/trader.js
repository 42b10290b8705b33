// A trader: starts a node, looks at the book, buys and sells, cancels what is left, and ends.
//
//   npm install && node trader.js [host:port of another node]
import ExchangeClient from 'meshbook/exchange-client';

const bootstrapPeers = process.argv.slice(2);
const client = new ExchangeClient({ userId: 'trader', dataDir: null, p2p: { port: 0, bootstrapPeers } });

client.on('trade', (trade, own) => {
  console.log(`${own ? 'own trade' : 'trade'}: ${trade.amount} at ${trade.price}, ${trade.amount.times(trade.price)} in all`);
});

try {
  await client.initialize();
  console.log(`trading ${client.pair} as ${client.userId}, peers come to port ${client.getP2PStats().directConnection.port}`);

  show('sell 1.5 at 50000', await client.placeSellOrder('1.5', '50000'));
  show('buy 0.5 at 50000', await client.placeBuyOrder('0.5', '50000'));
  show('buy 1 at 49000', await client.placeBuyOrder('1', '49000'));
  show('buy 1,5 at 49000', await client.placeBuyOrder('1,5', '49000'));

  const { bids, asks } = client.getOrderBook(5);
  for (const { price, amount } of asks.reverse()) console.log(`  ask ${amount} at ${price}`);
  for (const { price, amount } of bids) console.log(`  bid ${amount} at ${price}`);

  for (const order of client.getUserOrders()) {
    console.log(`cancel ${order.side} of ${order.remaining} at ${order.price}: ${client.cancelOrder(order.id)}`);
  }
} finally {
  await client.destroy();
}

function show(what, { success, trades, remainingOrder, error }) {
  if (!success) return console.log(`${what}: ${error}`);
  const open = remainingOrder ? `${remainingOrder.remaining} is open` : 'it is filled';
  console.log(`${what}: ${trades.length} trades, ${open}`);
}
