import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Decimal } from 'decimal.js';
import { ExchangeClient, OrderBook } from 'meshbook';
import { folder, pair, quiet, start, until } from './helpers.mjs';

test('a client has its getters before it runs', () => {
  const client = new ExchangeClient(quiet({ userId: 'bob', pair: 'ETH/USD' }));
  assert.deepEqual([client.userId, client.pair, client.isInitialized], ['bob', 'ETH/USD', false]);
  assert.ok(client.orderbook instanceof OrderBook);
  assert.deepEqual(client.getOrderBook().bids, []);
  assert.deepEqual([client.getUserOrders(), client.getRecentTrades(), client.getTradeHistory(), client.getOrderHistory()], [[], [], [], []]);
  assert.equal(client.cancelOrder('00'.repeat(16)), false);
});

test('a user that is not named is a random UUID', () => {
  const [one, other] = [new ExchangeClient(quiet()), new ExchangeClient(quiet())];
  assert.match(one.userId, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.notEqual(one.userId, other.userId);
});

test('orders before the start are refused by a rejection', async () => {
  const client = new ExchangeClient(quiet());
  const error = { name: 'OrderError', code: 'NOT_INITIALIZED', message: 'Exchange client not initialized' };
  await assert.rejects(client.placeBuyOrder('1', '1'), error);
  await assert.rejects(client.placeSellOrder('1', '1'), error);
  await assert.rejects(client.placeOrder({ side: 'buy', amount: '1', price: '1' }), error);
  await client.destroy();
});

test('a second start and a second end do nothing', async () => {
  const client = new ExchangeClient(quiet());
  await Promise.all([client.initialize(), client.initialize()]);
  const { port } = client.getP2PStats().directConnection;
  await client.initialize();
  assert.equal(client.getP2PStats().directConnection.port, port);
  assert.equal(client.isInitialized, true);
  await Promise.all([client.destroy(), client.destroy()]);
  await client.destroy();
  assert.equal(client.isInitialized, false);
  await assert.rejects(client.initialize(), { name: 'StartError', code: 'SHUTTING_DOWN' });
});

test('after the end orders resolve with a failure, and what was can be read', async () => {
  const client = new ExchangeClient(quiet());
  await client.initialize();
  const { orderId } = await client.placeSellOrder('1', '5');
  await client.destroy();
  const { success, error, code } = await client.placeBuyOrder('1', '1');
  assert.deepEqual([success, code], [false, 'SHUTTING_DOWN']);
  assert.equal(typeof error, 'string');
  assert.equal(client.cancelOrder(orderId), false);
  assert.ok(client.getOrder(orderId));
});

test('an order that is placed is an OrderResult with an Order', async () => {
  const client = await start({ userId: 'bob' });
  const result = await client.placeBuyOrder('1.5', '50000');
  const { orderId, remainingOrder, distribution, ...rest } = result;
  assert.deepEqual(rest, { success: true, trades: [] });
  assert.deepEqual(Object.keys(distribution), ['success', 'distributedTo', 'failedTo']);
  assert.match(orderId, /^[0-9a-f]{32}$/);
  assert.deepEqual(Object.keys(remainingOrder), ['id', 'userId', 'side', 'amount', 'price', 'status', 'timestamp', 'pair']);
  assert.deepEqual([remainingOrder.id, remainingOrder.userId, remainingOrder.side, remainingOrder.status, remainingOrder.pair], [orderId, 'bob', 'buy', 'pending', 'BTC/USD']);
  assert.ok(remainingOrder.amount instanceof Decimal);
  assert.equal(remainingOrder.amount.times(remainingOrder.price).toNumber(), 75000);
  assert.ok(Math.abs(Date.now() - remainingOrder.timestamp) < 60_000);
  assert.deepEqual(client.getOrder(orderId), remainingOrder);
  assert.equal(client.getOrder('nonsense'), undefined);
  assert.deepEqual(client.getOrderBook().bids, [{ price: '50000', amount: '1.5', count: 1 }]);
});

test('a failure after the start resolves with success false and says why', async () => {
  const client = await start();
  const cases = [['0', '1'], ['-1', '1'], ['1e-9', '1'], ['x', '1'], ['1', ''], ['1000001', '1'], ['1', '1000001'], [1, '1'], ['1', 1], [undefined, '1'], ['1', null], [{}, '1']];
  for (const [amount, price] of cases) {
    for (const place of ['placeBuyOrder', 'placeSellOrder']) {
      const { error, code, ...result } = await client[place](amount, price);
      assert.deepEqual(result, {
        success: false,
        orderId: null,
        trades: [],
        remainingOrder: null,
        distribution: { success: false, distributedTo: [], failedTo: [] },
      });
      assert.match(error, /^(amount|price) .* is not allowed: /);
      assert.equal(code, 'INVALID_ORDER');
    }
  }
  assert.deepEqual(client.getOrderHistory(), []);
});

test('two nodes trade; both show the same trades and books', async () => {
  const [seller, buyer] = await pair();
  const sold = await seller.placeSellOrder('1.5', '100');
  await until('the ask is seen', () => buyer.getOrderBook().asks.length === 1);
  assert.deepEqual(sold.distribution, { success: true, distributedTo: [buyer.getVectorClockStatus().nodeId], failedTo: [] });
  const bought = await buyer.placeBuyOrder('1', '101');
  assert.deepEqual([bought.success, bought.remainingOrder, bought.trades.length], [true, null, 1]);
  const [trade] = bought.trades;
  assert.deepEqual(Object.keys(trade), ['id', 'buyOrderId', 'sellOrderId', 'amount', 'price', 'timestamp']);
  assert.deepEqual([trade.buyOrderId, trade.sellOrderId, trade.amount.toString(), trade.price.toString()], [bought.orderId, sold.orderId, '1', '100']);
  await until('both have the trade', () => seller.getRecentTrades().length === 1);
  assert.deepEqual(seller.getTradeHistory(), buyer.getTradeHistory());
  assert.deepEqual(buyer.getRecentTrades(), [trade]);
  const left = seller.getOrder(sold.orderId);
  assert.deepEqual([left.status, left.amount.toString(), left.remaining.toString()], ['partial', '1.5', '0.5']);
  assert.equal(buyer.getOrder(bought.orderId).status, 'filled');
  await until('both have the book', () => buyer.getOrderBook().asks[0]?.amount === '0.5');
  assert.equal(seller.cancelOrder(sold.orderId), true, 'a partly filled order can be cancelled');
  assert.equal(seller.cancelOrder(sold.orderId), false);
  await until('the cancel is everywhere', () => buyer.getOrderBook().asks.length === 0);
  assert.equal(seller.getOrder(sold.orderId).status, 'cancelled');
});

test('who joins later has the book', async () => {
  const first = await start();
  await first.placeSellOrder('1', '100');
  await first.placeBuyOrder('2', '99');
  const { port } = first.getP2PStats().directConnection;
  const late = await start({ p2p: { bootstrapPeers: [`127.0.0.1:${port}`] } });
  const levels = ({ bids, asks }) => ({ bids, asks });
  await until('the book is there', () => late.getOrderBook().bids.length + late.getOrderBook().asks.length === 2);
  assert.deepEqual(levels(late.getOrderBook()), levels(first.getOrderBook()));
});

test('lists are newest first, bounded by their limits, and the caller owns them', async () => {
  const client = await start();
  const ids = [];
  for (let price = 1; price <= 3; price += 1) ids.push((await client.placeBuyOrder('1', String(price))).orderId);
  const newest = [...ids].reverse();
  assert.deepEqual(client.getUserOrders().map(({ id }) => id), newest);
  client.getUserOrders().sort(() => 1).pop();
  assert.deepEqual(client.getUserOrders().map(({ id }) => id), newest);
  for (let i = 0; i < 3; i += 1) {
    const now = Date.now();
    await client.placeSellOrder('1', '1');
    // Trades of one millisecond are told apart by their ids only, as on every other node.
    await until('the clock goes on', () => Date.now() > now);
  }
  assert.deepEqual(client.getUserOrders(), []);
  assert.equal(client.getOrderHistory().length, 6);
  assert.equal(client.getTradeHistory().length, 3);
  const prices = (trades) => trades.map((trade) => trade.price.toNumber());
  assert.deepEqual(prices(client.getRecentTrades()), [1, 2, 3]);
  assert.deepEqual(prices(client.getRecentTrades(2)), [1, 2]);
  assert.deepEqual(client.getRecentTrades(0), []);
  for (let i = 11; i < 31; i += 1) await client.placeBuyOrder('1', String(i));
  const { bids, pair, timestamp } = client.getOrderBook();
  assert.deepEqual([bids.length, bids[0].price, bids[9].price, pair], [10, '30', '21', 'BTC/USD']);
  assert.ok(Math.abs(Date.now() - timestamp) < 60_000);
  assert.equal(client.getOrderBook(3).bids.length, 3);
});

test('the figures have the shape of the contract', async () => {
  const [one] = await pair();
  await until('the peer has said something', () => one.getP2PStats().peers.totalBytesReceived > 0);
  const stats = one.getP2PStats();
  const shape = (value) => (typeof value === 'object' ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, shape(v)])) : typeof value);
  const n = 'number';
  assert.deepEqual(shape(stats), {
    hasGrenache: 'boolean',
    peers: { totalPeers: n, connectedPeers: n, healthyPeers: n, inboundPeers: n, outboundPeers: n, totalMessagesReceived: n, totalMessagesSent: n, totalBytesReceived: n, totalBytesSent: n },
    discovery: { isRunning: 'boolean', strategies: { mdns: 'boolean', grenache: 'boolean', peerExchange: 'boolean' }, bootstrapPeers: n },
    router: { queueSize: n, maxQueueSize: n, deduplicationCacheSize: n, hasGrenache: 'boolean' },
    directConnection: { nodeId: 'string', host: 'string', port: n, isRunning: 'boolean', connections: n, pendingHandshakes: n },
  });
  assert.deepEqual([stats.peers.connectedPeers, stats.peers.inboundPeers, stats.directConnection.connections], [1, 1, 1]);
  assert.equal(stats.hasGrenache, false);
});

test('the clocks have the shape of the contract, and nothing waits', async () => {
  const client = await start();
  await client.placeBuyOrder('1', '1');
  await client.forceProcessPendingEvents();
  const status = client.getVectorClockStatus();
  assert.deepEqual(Object.keys(status), ['nodeId', 'vectorClock', 'pendingEvents', 'lastProcessedClocks']);
  assert.match(status.nodeId, /^[0-9a-f]{64}$/);
  assert.equal(typeof status.vectorClock[status.nodeId], 'number');
  assert.deepEqual([status.pendingEvents, status.lastProcessedClocks], [0, {}]);
  const placing = client.placeBuyOrder('1', '1');
  await Promise.resolve();
  assert.equal(client.getVectorClockStatus().pendingEvents, 1);
  await client.forceProcessPendingEvents();
  assert.equal(client.getVectorClockStatus().pendingEvents, 0);
  await placing;
});

test('an order of any kind may be placed, and a refusal is an error with a code', async () => {
  const client = await start();
  await client.placeSellOrder('1', '100');
  const refused = (order, code, field) => assert.rejects(client.placeOrder(order), (error) => {
    assert.deepEqual([error.name, error.code, error.field], ['OrderError', code, field]);
    return true;
  });
  await refused({ side: 'buy', amount: '1', price: '100', timeInForce: 'post' }, 'POST_ONLY_WOULD_TAKE');
  await refused({ side: 'buy', amount: '2', price: '100', timeInForce: 'fok' }, 'FILL_OR_KILL_NOT_ENOUGH');
  await refused({ side: 'up', amount: '1', price: '1' }, 'INVALID_ORDER', 'side');
  await refused({ side: 'buy', amount: '1', price: '1', type: 'stop' }, 'INVALID_ORDER', 'type');
  await refused({ side: 'buy', amount: '1', price: '1', timeInForce: 'day' }, 'INVALID_ORDER', 'timeInForce');
  await refused({ side: 'buy', amount: '1', price: '1', userId: 'x' }, 'INVALID_ORDER', 'userId');
  await refused({ side: 'buy', amount: '1', price: '1', lifetime: 0 }, 'INVALID_ORDER', 'lifetime');
  await refused({ side: 'buy', amount: '1', type: 'market', price: '1' }, 'INVALID_ORDER', 'price');
  await refused({ side: 'buy', amount: '1' }, 'INVALID_ORDER', 'price');
  const { orderId, trades, remainingOrder } = await client.placeOrder({ side: 'buy', amount: '2', type: 'market' });
  assert.deepEqual([trades.length, remainingOrder], [1, null]);
  assert.equal(client.getOrder(orderId).price, null);
  const short = await client.placeOrder({ side: 'buy', amount: '1', price: '5', lifetime: 50, userId: 'carol' });
  assert.equal(short.remainingOrder.userId, 'carol');
  await until('it expires', () => client.getOrder(short.orderId).status === 'cancelled');
});

test('an aborted order is cancelled as soon as it can be', async () => {
  const client = await start();
  const reason = new Error('changed my mind');
  await assert.rejects(client.placeOrder({ side: 'buy', amount: '1', price: '1', signal: AbortSignal.abort(reason) }), reason);
  assert.deepEqual(client.getOrderHistory(), []);
  const controller = new AbortController();
  const placing = client.placeOrder({ side: 'buy', amount: '1', price: '1', signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(placing, reason);
  await until('it is cancelled', () => client.getOrderHistory()[0]?.status === 'cancelled');
  const late = new AbortController();
  const { orderId } = await client.placeOrder({ side: 'buy', amount: '1', price: '1', signal: late.signal });
  late.abort();
  assert.equal(client.getOrder(orderId).status, 'pending', 'once it is placed the signal has no say');
});

test('a data directory brings the node and its open orders back', async () => {
  const dataDir = path.join(folder(), 'data');
  const first = await start({ dataDir });
  const { nodeId } = first.getVectorClockStatus();
  const { orderId } = await first.placeSellOrder('1', '100');
  await first.destroy();
  assert.ok(existsSync(dataDir));
  const second = await start({ dataDir });
  assert.equal(second.getVectorClockStatus().nodeId, nodeId);
  assert.equal(second.getOrder(orderId).amount.toString(), '1');
  await assert.rejects(start({ dataDir }), { name: 'StartError', code: 'DATA_DIR_IN_USE' });
});

test('peers are saved where the option says', async () => {
  const file = path.join(folder(), 'known.json');
  const [, other] = await pair({ p2p: { peerStoragePath: file } });
  await other.destroy();
  assert.match(readFileSync(file, 'utf8'), /127\.0\.0\.1/);
});

test('await using ends a client', { skip: Symbol.asyncDispose === undefined && 'this Node.js has no Symbol.asyncDispose' }, async () => {
  const client = await start();
  assert.equal(await client[Symbol.asyncDispose](), undefined);
  assert.equal(client.isInitialized, false);
});
