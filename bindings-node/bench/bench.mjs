// Measures the package: `cargo xtask bench node`. What is printed comes from one run, on one machine.
//
//   node bench/bench.mjs [--operations N] [--rounds N] [--trades N] [--seconds N]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { OrderBook as Theirs } from 'nodejs-order-book';
import { ExchangeClient } from '../dist/index.mjs';
import { OrderBook } from '../dist/orderbook.mjs';
import { b10k } from './workload.mjs';

/** Orders per second of the original on b10k, measured on such a machine in another run. */
const ORIGINAL = 2_100;

/** Of a node that knows nobody. */
const QUIET = { port: 0, host: '127.0.0.1', enableMDNS: false, enableGrenache: false, useWellKnownNodes: false };

const { values } = parseArgs({
  options: {
    operations: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    trades: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '5' },
  },
});
const [operations, rounds, trades, seconds] = ['operations', 'rounds', 'trades', 'seconds'].map((name) => Number(values[name]));
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const count = (number) => Math.round(number).toLocaleString('en');

console.log(`Node.js ${process.version}, ${process.platform} ${process.arch}\n`);
await books();
await confirmations();
await eventLoop();
await memory();

/** Processor time of this process in seconds: on a busy machine clocks say more of the others. */
function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Orders a second of processor time, one awaited after the other, cancels among them. */
async function books() {
  const { ops, resting } = b10k(operations);
  const runs = { ours: [], read: [], theirs: [] };
  let done = {};
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, run] of Object.entries({ ours: (o, r) => ours(o, r, false), read: (o, r) => ours(o, r, true), theirs })) {
      globalThis.gc?.();
      const { took, filled } = await run(ops, resting);
      runs[name].push((ops.length - resting) / took);
      done[name] = filled;
    }
  }
  if (done.ours !== done.theirs) console.log(`the two books filled different amounts: ${done.ours} and ${done.theirs}`);
  const [mine, read, other] = [median(runs.ours), median(runs.read), median(runs.theirs)];
  console.log('OrderBook.addOrder, each awaited (b10k, operations a second of processor time, the median of', rounds, 'rounds)');
  console.log(`  meshbook                      ${count(mine).padStart(12)}   ${(mine / other).toFixed(1)} x nodejs-order-book, ${count(mine / ORIGINAL)} x the original's ${count(ORIGINAL)}`);
  console.log(`  meshbook, all results read    ${count(read).padStart(12)}   ${(read / other).toFixed(1)} x nodejs-order-book`);
  console.log(`  nodejs-order-book ${version()}      ${count(other).padStart(12)}\n`);
}

function version() {
  return JSON.parse(readFileSync(new URL('node_modules/nodejs-order-book/package.json', import.meta.url), 'utf8')).version;
}

async function ours(ops, resting, read) {
  const book = new OrderBook();
  const ids = new Array(ops.length);
  let start;
  let sum = 0;
  for (let i = 0; i < ops.length; i += 1) {
    if (i === resting) start = cpu();
    const { cancel, side, price, amount } = ops[i];
    if (cancel !== undefined) {
      if (ids[cancel] !== undefined) book.cancelOrder(ids[cancel]);
      continue;
    }
    const { trades, remainingOrder } = await book.addOrder({ userId: 'bench', side, amount, price });
    ids[i] = remainingOrder?.id;
    if (read) {
      for (const trade of trades) sum += trade.amount.toNumber() * trade.price.toNumber();
      if (remainingOrder) sum += remainingOrder.amount.toNumber() * remainingOrder.price.toNumber();
    }
  }
  return { took: cpu() - start, filled: book.tradeCount, sum };
}

/** As its users call it: numbers, and results at once; awaited all the same. */
async function theirs(ops, resting) {
  const book = new Theirs();
  const numbers = ops.map((op) => op.cancel !== undefined ? op : { side: op.side, price: Number(op.price), size: Number(op.amount) });
  const ids = ops.map((_, i) => String(i));
  let start;
  let filled = 0;
  for (let i = 0; i < numbers.length; i += 1) {
    if (i === resting) start = cpu();
    const { cancel, side, price, size } = numbers[i];
    if (cancel !== undefined) {
      book.cancel(ids[cancel]);
      continue;
    }
    const { done, partial } = await book.limit({ side, id: ids[i], size, price });
    // The taker is among `done` when it is filled whole.
    filled += done.length + (partial ? 1 : 0) - (done.some(({ id }) => id === ids[i]) || partial?.id === ids[i] ? 1 : 0);
  }
  return { took: cpu() - start, filled };
}

/** Another process that does what its stdin says. */
function other(role, ...args) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('peer.mjs', import.meta.url)), role, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, line: async () => JSON.parse((await lines.next()).value), send: (value) => child.stdin.write(`${JSON.stringify(value)}\n`) };
}

/** From the call of placeBuyOrder to its resolution with the confirmed trade. */
async function confirmations() {
  const maker = other('maker');
  const { port } = await maker.line();
  const client = new ExchangeClient({ p2p: { ...QUIET, bootstrapPeers: [`127.0.0.1:${port}`] } });
  await client.initialize();
  client.ref();
  maker.send({ sell: String(trades + 1000) });
  while (client.getOrderBook(1).asks.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const times = [];
  for (let i = 0; i < trades; i += 1) {
    const start = performance.now();
    const { trades: done } = await client.placeBuyOrder('1', '100');
    if (done.length !== 1) throw new Error(`no trade: ${JSON.stringify(done)}`);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = (share) => `${Math.round(times[Math.floor(times.length * share)] * 1000)} µs`;
  console.log(`placeBuyOrder to the confirmed trade, between two processes (${trades} trades)\n  p50 ${at(0.5)}, p99 ${at(0.99)}\n`);
  await client.destroy();
  maker.child.stdin.end();
  await once(maker.child, 'close');
}

/** How late timers are in a process that follows all events while others' orders come. */
async function eventLoop() {
  const follower = other('follower');
  const { port } = await follower.line();
  const maker = other('flood', String(port), String(seconds));
  const { placed } = await maker.line();
  const { p50, p99, max, events, received } = await follower.line();
  console.log(`event loop delay while ${count(placed / seconds)} remote orders/s come (${count(events)} events heard, ${count(received / 2 ** 20)} MiB received)`);
  console.log(`  p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, longest ${max.toFixed(2)} ms; goal: p99 below 5 ms\n`);
  for (const { child } of [maker, follower]) child.stdin.end();
}

/** Memory of a node beside Node.js's own, and of one more in the same process. */
async function memory() {
  const peer = other('memory');
  const { empty, loaded, one, ten } = await peer.line();
  const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  console.log(`memory (resident): Node.js ${mib(empty)}, with the package ${mib(loaded)}, with a node ${mib(one)}, with ten nodes ${mib(ten)}`);
  console.log(`  a node: ${mib(one - loaded)}; each further one: ${mib((ten - one) / 9)}`);
  peer.child.stdin.end();
}
