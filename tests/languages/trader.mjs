// A node in Node.js that does what it reads, one command a line, and answers each in JSON.
import { createInterface } from 'node:readline';
import { ExchangeClient } from '../../bindings-node/dist/index.mjs';

/** As the command shows it. */
const shown = ({ id, buyOrderId, sellOrderId, amount, price, timestamp, takerSide }) =>
  ({ id, buyOrderId, sellOrderId, amount: amount.toString(), price: price.toString(), timestamp, takerSide });

const levels = (side) => side.map(({ price, amount, count }) => ({ price: price.toString(), amount: amount.toString(), count }));

const commands = {
  buy: (client, amount, price) => place(client.placeBuyOrder(amount, price)),
  sell: (client, amount, price) => place(client.placeSellOrder(amount, price)),
  cancel: (client, orderId) => ({ cancelled: client.cancelOrder(orderId) }),
  book: (client) => {
    const { bids, asks } = client.getOrderBook(10);
    return { bids: levels(bids), asks: levels(asks) };
  },
  trades: (client, limit) => client.getRecentTrades(Number(limit)).map(shown),
};

async function place(placing) {
  const { success, orderId, trades, error } = await placing;
  return success ? { orderId, trades: trades.map(shown) } : { error: { message: error } };
}

const bootstrapPeers = process.argv.filter((_, at) => process.argv[at - 1] === '--peer');
const client = new ExchangeClient({ dataDir: null, p2p: { port: 0, host: '127.0.0.1', bootstrapPeers } });
await client.initialize();
const { directConnection } = client.getP2PStats();
console.log(JSON.stringify({ ready: true, nodeId: directConnection.nodeId, p2pAddress: `127.0.0.1:${directConnection.port}` }));
for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...words] = line.split(' ');
  console.log(JSON.stringify(await commands[command](client, ...words)));
}
await client.destroy();
