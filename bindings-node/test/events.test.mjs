import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { ExchangeClient, MeshbookError } from 'meshbook';
import { pair, quiet, start, until } from './helpers.mjs';

test('listeners hear of peers, orders, books and trades', async () => {
  const one = await start();
  assert.ok(one instanceof EventEmitter);
  const heard = [];
  for (const name of ['trade', 'order', 'book', 'peer:connected', 'peer:disconnected']) {
    one.on(name, (...args) => heard.push([name, ...args]));
  }
  const of = (name) => heard.filter(([heardOf]) => heardOf === name);
  const { port } = one.getP2PStats().directConnection;
  const other = await start({ p2p: { bootstrapPeers: [`127.0.0.1:${port}`] } });
  const peer = other.getVectorClockStatus().nodeId;
  await until('connected', () => of('peer:connected').length);
  assert.equal(of('peer:connected')[0][1].peer, peer);
  assert.match(of('peer:connected')[0][1].address, /^127\.0\.0\.1:\d+$/);
  const { orderId } = await one.placeSellOrder('1', '100');
  await until('the book', () => of('book').length);
  assert.deepEqual(of('book').at(-1)[1], { bid: null, ask: '100' });
  await until('the ask is seen', () => other.getOrderBook().asks.length);
  await other.placeBuyOrder('0.4', '100');
  await until('the trade', () => of('trade').length);
  const [, trade, own] = of('trade')[0];
  assert.deepEqual([trade.sellOrderId, trade.amount.toString(), own], [orderId, '0.4', true]);
  await until('the order', () => of('order').some(([, order]) => order.status === 'partial'));
  await other.destroy();
  await until('gone', () => of('peer:disconnected').length);
  assert.equal(of('peer:disconnected')[0][1].peer, peer);
});

test('once, off and prependListener are those of an emitter', async () => {
  const client = await start();
  const order = [];
  client.once('book', () => order.push('once'));
  client.prependListener('book', () => order.push('first'));
  const never = () => order.push('never');
  client.on('book', never).off('book', never);
  const next = once(client, 'order');
  client.ref();
  await client.placeBuyOrder('1', '1');
  await next;
  await until('heard', () => order.length >= 2);
  await client.placeBuyOrder('1', '2');
  await until('heard again', () => order.length >= 3);
  assert.deepEqual(order, ['first', 'once', 'first']);
  client.unref();
});

test('for await gives events in their order, until the client ends', async () => {
  const client = await start();
  const types = [];
  const reading = (async () => {
    for await (const event of client.events()) types.push(event.type === 'order' ? event.order.status : event.type);
  })();
  const { orderId } = await client.placeBuyOrder('1', '1');
  client.cancelOrder(orderId);
  await until('all came', () => types.includes('cancelled'));
  await client.destroy();
  await reading;
  assert.ok(types.indexOf('pending') < types.indexOf('cancelled'));
});

test('a signal ends an iteration with its reason, and break ends it quietly', async () => {
  const client = await start();
  const controller = new AbortController();
  const reading = (async () => {
    for await (const event of client.events({ signal: controller.signal })) void event;
  })();
  controller.abort();
  await assert.rejects(reading, { name: 'AbortError' });
  const aborted = client.events({ signal: AbortSignal.abort() });
  await assert.rejects(aborted.next(), { name: 'AbortError' });
  assert.deepEqual(await aborted.next(), { value: undefined, done: true });
  const events = client.events();
  await client.placeBuyOrder('1', '1');
  for await (const event of events) {
    assert.equal(typeof event.type, 'string');
    break;
  }
  assert.deepEqual(await events.next(), { value: undefined, done: true });
  await client.destroy();
  assert.deepEqual(await client.events().next(), { value: undefined, done: true });
});

test('an error that nobody listens to ends nothing', async () => {
  const client = await start();
  // Slow readers lose events: more than wait anywhere, in one turn of this thread.
  const { MAX_WAITING_EVENTS, EventQueue } = await import('../dist/events.js');
  const queue = new EventQueue(() => {});
  for (let i = 0; i < MAX_WAITING_EVENTS + 5; i += 1) queue.push({ type: 'book', bid: String(i), ask: null });
  const { value } = await queue.next();
  assert.ok(value.error instanceof MeshbookError);
  assert.deepEqual([value.type, value.error.code], ['error', 'EVENTS_LOST']);
  assert.match(value.error.message, /^5 events/);
  assert.equal((await queue.next()).value.bid, '5');
  assert.equal(client.isInitialized, true);
});

test('a listener that throws is an uncaught exception, and the others are called all the same', async () => {
  const client = await start();
  const uncaught = [];
  const heard = [];
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => uncaught.push(error.message));
  try {
    client.on('book', () => {
      throw new Error('mine');
    });
    client.on('order', (order) => heard.push(order.status));
    await client.placeBuyOrder('1', '1');
    await until('both', () => uncaught.length && heard.length);
    assert.equal(uncaught[0], 'mine');
    await client.destroy();
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of others) process.on('uncaughtException', listener);
  }
});

test('who listens before the start misses nothing', async () => {
  const client = new ExchangeClient(quiet());
  const events = client.events();
  await client.initialize();
  await client.placeBuyOrder('1', '1');
  const { value } = await events.next();
  assert.deepEqual([value.type, value.order.status], ['order', 'pending']);
  await client.destroy();
});
