// The other processes of the benchmark.
import { createInterface } from 'node:readline';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const [role, ...args] = process.argv.slice(2);
const say = (value) => console.log(JSON.stringify(value));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const empty = process.memoryUsage.rss();
const { ExchangeClient } = await import('../dist/index.mjs');
const quiet = { port: 0, host: '127.0.0.1', enableMDNS: false, enableGrenache: false, useWellKnownNodes: false };
const make = (bootstrapPeers = []) => new ExchangeClient({ p2p: { ...quiet, bootstrapPeers } });
const clients = [];
async function start(...args) {
  const client = make(...args);
  clients.push(client);
  await client.initialize();
  return client;
}

const roles = {
  async maker() {
    const client = await start();
    say({ port: client.getP2PStats().directConnection.port });
    createInterface({ input: process.stdin }).on('line', (line) => client.placeSellOrder(JSON.parse(line).sell, '100'));
  },

  async follower() {
    const client = await start();
    let events = 0;
    let received = 0;
    setInterval(() => (received = client.getP2PStats().peers.totalBytesReceived), 100).unref();
    for (const name of ['trade', 'order', 'book']) client.on(name, () => (events += 1));
    client.once('peer:connected', () => {
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      client.once('peer:disconnected', () => {
        delay.disable();
        // What it samples is the time between two turns, of which one millisecond is its own.
        const ms = (nanos) => Math.max(0, nanos / 1e6 - 1);
        say({ p50: ms(delay.percentile(50)), p99: ms(delay.percentile(99)), max: ms(delay.max), events, received });
      });
    });
    client.ref();
    say({ port: client.getP2PStats().directConnection.port });
  },

  async flood(port, seconds) {
    const client = await start([`127.0.0.1:${port}`]);
    while (client.getP2PStats().peers.connectedPeers === 0) await sleep(5);
    const RATE = 5_000;
    const begin = performance.now();
    let asked = 0;
    let placed = 0;
    const open = [];
    const underWay = new Set();
    while (performance.now() - begin < seconds * 1000) {
      const due = ((performance.now() - begin) / 1000) * RATE;
      while (asked < due) {
        asked += 1;
        const side = asked % 2 ? 'placeBuyOrder' : 'placeSellOrder';
        const distance = (asked * 7919) % 500;
        const price = String(asked % 2 ? 40_000 - distance : 60_000 + distance);
        const placing = client[side]('1', price).then(({ success, orderId }) => {
          underWay.delete(placing);
          if (!success) return;
          placed += 1;
          open.push(orderId);
          // Far fewer than what other nodes keep of one.
          if (open.length > 50) client.cancelOrder(open.shift());
        });
        underWay.add(placing);
      }
      await sleep(1);
    }
    await Promise.all(underWay);
    await client.destroy();
    say({ placed });
  },

  async memory() {
    const settle = async () => {
      await sleep(500);
      return process.memoryUsage.rss();
    };
    const loaded = await settle();
    await start();
    const one = await settle();
    for (let i = 0; i < 9; i += 1) await start();
    say({ empty, loaded, one, ten: await settle() });
  },
};

process.stdin.on('end', async () => {
  await Promise.all(clients.map((client) => client.destroy()));
  process.exit(0);
});
process.stdin.resume();
await roles[role](...args);
