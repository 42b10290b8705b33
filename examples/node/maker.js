// A market maker: quotes a bid and an ask around a reference price, and quotes anew when it is hit.
//
//   npm install && node maker.js [--price 50000] [--spread 0.002] [--amount 0.1] [--port 0] [--peer host:port]...
import { parseArgs } from 'node:util';
import { Decimal } from 'decimal.js';
import { ExchangeClient, OrderError } from 'meshbook';

const { values } = parseArgs({
  options: {
    price: { type: 'string', default: '50000' },
    spread: { type: 'string', default: '0.002' },
    amount: { type: 'string', default: '0.1' },
    port: { type: 'string', default: '0' },
    peer: { type: 'string', multiple: true, default: [] },
  },
});
const half = new Decimal(values.spread).div(2);
let reference = new Decimal(values.price);

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());

const client = new ExchangeClient({ userId: 'maker', dataDir: null, p2p: { port: Number(values.port), bootstrapPeers: values.peer } });
await client.initialize();
console.log(`quoting at port ${client.getP2PStats().directConnection.port}; Ctrl-C ends it`);

try {
  await quote();
  for await (const event of client.events({ signal: stop.signal })) {
    if (event.type !== 'trade' || !event.own) continue;
    const { trade } = event;
    console.log(`filled: ${trade.amount} at ${trade.price}`);
    // The market has moved to where it traded.
    reference = trade.price;
    await quote();
  }
} catch (error) {
  if (!stop.signal.aborted) throw error;
} finally {
  console.log('no more quotes');
  await client.destroy();
}

/** Takes the old quotes back, and makes new ones that never take. */
async function quote() {
  for (const { id } of client.getUserOrders()) client.cancelOrder(id);
  const prices = { buy: reference.times(new Decimal(1).minus(half)), sell: reference.times(half.plus(1)) };
  for (const [side, price] of Object.entries(prices)) {
    try {
      await client.placeOrder({ side, amount: values.amount, price: price.toFixed(2), timeInForce: 'post' });
    } catch (error) {
      // Somebody else is better: not a moment to quote that side.
      if (!(error instanceof OrderError && error.code === 'POST_ONLY_WOULD_TAKE')) throw error;
    }
  }
  const { bid, ask } = client.orderbook.getBestPrices();
  console.log(`bid ${bid ?? '-'}, ask ${ask ?? '-'}`);
}
