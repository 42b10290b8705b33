import assert from 'node:assert/strict';
import { test } from 'node:test';
import { script } from './helpers.mjs';

const ROUNDS = 200;

/** A node in a process of its own that does what its stdin says. */
const NODE = `
  import { createInterface } from 'node:readline';
  import { ExchangeClient } from 'meshbook';
  const bootstrapPeers = process.env.PEERS ? process.env.PEERS.split(',') : [];
  const client = new ExchangeClient({ p2p: { port: 0, host: '127.0.0.1', enableMDNS: false, enableGrenache: false, useWellKnownNodes: false, bootstrapPeers } });
  await client.initialize();
  const say = (value) => console.log(JSON.stringify(value));
  const until = async (condition) => { while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1)); };
  say(client.getP2PStats().directConnection.port);
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, ...args] = JSON.parse(line);
    switch (command) {
      case 'peers': await until(() => client.getP2PStats().peers.connectedPeers === args[0]); say(true); break;
      case 'sell': say(await client.placeSellOrder(...args)); break;
      case 'buy': say(await client.placeBuyOrder(...args)); break;
      case 'asks': await until(() => client.getOrderBook().asks[0]?.amount === args[0]); say(true); break;
      case 'cancel': client.getUserOrders().forEach(({ id }) => client.cancelOrder(id)); say(true); break;
      case 'trades': await until(() => client.getTradeHistory().length >= args[0]); say(client.getTradeHistory()); break;
      case 'empty': await until(() => client.getOrderBook().asks.length + client.getOrderBook().bids.length === 0); say(true); break;
      case 'end': await client.destroy(); process.exit(0);
    }
  }`;

test(`two buyers of 1.0 for one sale of 1.5: 1.5 is filled, ${ROUNDS} times, and all show the same trades`, async () => {
  const ports = [];
  const nodes = [];
  for (let i = 0; i < 3; i += 1) {
    const node = script(NODE, { env: { PEERS: ports.map((port) => `127.0.0.1:${port}`).join(',') } });
    nodes.push(node);
    ports.push(JSON.parse(await node.line()));
  }
  const [seller, ...buyers] = nodes;
  const ask = async (node, ...command) => {
    node.send(JSON.stringify(command));
    return JSON.parse(await node.line());
  };
  const askAll = (...command) => Promise.all(nodes.map((node) => ask(node, ...command)));
  await askAll('peers', 2);
  let known = new Set();
  for (let round = 1; round <= ROUNDS; round += 1) {
    const sold = await ask(seller, 'sell', '1.5', '100');
    assert.ok(sold.success);
    await Promise.all(buyers.map((node) => ask(node, 'asks', '1.5')));
    const bought = await Promise.all(buyers.map((node) => ask(node, 'buy', '1', '100')));
    assert.ok(bought.every(({ success }) => success));
    // One of the two may have to ask again for what the other one left.
    const trades = await fills(known, 1.5);
    for (const trade of trades) assert.equal(trade.sellOrderId, sold.orderId);
    assert.deepEqual(new Set(trades.map(({ buyOrderId }) => buyOrderId)), new Set(bought.map(({ orderId }) => orderId)));
    await askAll('cancel');
    await askAll('empty');
  }
  const [first, ...others] = await askAll('trades', known.size);
  for (const other of others) assert.deepEqual(byId(other), byId(first));
  const total = first.reduce((sum, { amount }) => sum + Number(amount), 0);
  assert.equal(total, 1.5 * ROUNDS);
  for (const node of nodes) node.send(JSON.stringify(['end']));
  assert.deepEqual(await Promise.all(nodes.map(async ({ ended }) => (await ended).code)), [0, 0, 0]);

  /** The new trades, once they sum up; the same on all nodes. */
  async function fills(before, amount) {
    for (let wanted = before.size + 2; ; wanted += 1) {
      const [all, ...same] = await askAll('trades', wanted);
      const fresh = all.filter(({ id }) => !before.has(id));
      const sum = fresh.reduce((sum, trade) => sum + Number(trade.amount), 0);
      assert.ok(sum <= amount, `${sum} filled`);
      if (sum < amount) continue;
      for (const other of same) assert.deepEqual(byId(other), byId(all));
      known = new Set(all.map(({ id }) => id));
      return fresh;
    }
  }
});

/** Trades of one millisecond may stand in any order while one of them is on its way. */
const byId = (trades) => trades.toSorted?.(compare) ?? [...trades].sort(compare);
const compare = (a, b) => (a.id < b.id ? -1 : 1);
