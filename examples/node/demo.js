// Three nodes in one process: two buyers want 1.0 each of a sale of 1.5, at the same moment.
//
//   npm install && node demo.js
import { setTimeout as sleep } from 'node:timers/promises';
import { ExchangeClient } from 'meshbook';

const alone = { host: '127.0.0.1', port: 0, enableMDNS: false, enableGrenache: false, useWellKnownNodes: false };
const clients = [];
try {
  for (const userId of ['alice', 'bob', 'carol']) {
    const bootstrapPeers = clients.map((other) => `127.0.0.1:${other.getP2PStats().directConnection.port}`);
    const client = new ExchangeClient({ userId, dataDir: null, p2p: { ...alone, bootstrapPeers } });
    await client.initialize();
    clients.push(client);
  }
  const [alice, ...buyers] = clients;
  await until(() => clients.every((client) => client.getP2PStats().peers.connectedPeers === 2));
  console.log('three nodes are connected');

  await alice.placeSellOrder('1.5', '50000');
  await until(() => buyers.every((buyer) => buyer.getOrderBook().asks.length === 1));
  console.log('alice sells 1.5 at 50000, and all see it; bob and carol want 1.0 each, now');

  const results = await Promise.all(buyers.map((buyer) => buyer.placeBuyOrder('1', '50000')));
  await until(() => clients.every((client) => client.getTradeHistory().length >= 2));
  for (const [i, { trades }] of results.entries()) {
    const got = trades.reduce((sum, { amount }) => amount.plus(sum), 0);
    console.log(`${buyers[i].userId} got ${got} at once`);
  }
  for (const client of clients) {
    const trades = client.getTradeHistory();
    const total = trades.reduce((sum, { amount }) => amount.plus(sum), 0);
    console.log(`${client.userId} shows ${total} sold: ${trades.map(({ id, amount }) => `${amount} (${id.slice(0, 8)})`).sort().join(', ')}`);
  }
} finally {
  await Promise.all(clients.map((client) => client.destroy()));
}

async function until(condition) {
  while (!condition()) await sleep(5);
}
