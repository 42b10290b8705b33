import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, test } from 'node:test';
import { Decimal } from 'decimal.js';
import { OrderBook } from 'meshbook/orderbook';
import { start } from './helpers.mjs';

const order = (side, amount, price, userId = 'user-1') => ({ userId, side, amount, price });

test('a book has BTC/USD where nothing else is said, and is empty', () => {
  const book = new OrderBook();
  assert.equal(book.pair, 'BTC/USD');
  assert.equal(new OrderBook('ETH/USD').pair, 'ETH/USD');
  assert.deepEqual([book.orderCount, book.tradeCount, book.isProcessing], [0, 0, false]);
  assert.deepEqual(book.getBestPrices(), { bid: null, ask: null, spread: null });
  assert.equal(book.getSpread(), null);
});

test('a pair that is not allowed is an error that says what is', () => {
  for (const pair of ['BTCUSD', 'btc/usd', '', 7, null]) {
    assert.throws(() => new OrderBook(pair), { code: 'INVALID_VALUE', field: 'pair', name: 'InvalidValueError' });
  }
});

test('a new order rests, with the fields of the contract and no others', async () => {
  const book = new OrderBook();
  const before = Date.now();
  const { trades, remainingOrder, ...more } = await book.addOrder(order('buy', '1.50', '50000'));
  assert.deepEqual([trades, more], [[], {}]);
  const keys = ['id', 'userId', 'side', 'amount', 'price', 'status', 'timestamp', 'pair'];
  assert.deepEqual(Object.keys(remainingOrder), keys);
  const { id, amount, price, timestamp, ...rest } = remainingOrder;
  assert.deepEqual(rest, { userId: 'user-1', side: 'buy', status: 'pending', pair: 'BTC/USD' });
  assert.match(id, /^[0-9a-f]{32}$/);
  assert.ok(timestamp >= before && timestamp <= Date.now());
  assert.ok(amount instanceof Decimal && price instanceof Decimal);
  assert.equal(amount.times(price).toNumber(), 75000);
  assert.equal(remainingOrder.amount, amount, 'a plain property');
  assert.deepEqual(book.getOrder(id), remainingOrder);
});

test('an order is plain to JSON, to a spread and to the console', async () => {
  const { remainingOrder: shown } = await new OrderBook().addOrder(order('sell', '0.5', '100'));
  assert.deepEqual(JSON.parse(JSON.stringify(shown)), { ...shown, amount: '0.5', price: '100' });
  assert.ok({ ...shown }.amount.eq('0.5'));
  assert.match(inspect(shown), /^Order \{[^]*amount: 0\.5,[^]*price: 100,/);
  assert.match(inspect([[[shown]]]), /\[Order\]/);
});

test('prices come first, then times; a trade has the price of the order that rested', async () => {
  const book = new OrderBook();
  const ids = [];
  for (const [amount, price] of [['1', '101'], ['1', '100'], ['1', '100']]) {
    ids.push((await book.addOrder(order('sell', amount, price, 'maker'))).remainingOrder.id);
  }
  const { trades, remainingOrder } = await book.addOrder(order('buy', '2.5', '101', 'taker'));
  assert.equal(remainingOrder, null);
  const got = trades.map((trade) => [trade.sellOrderId, trade.amount.toString(), trade.price.toString()]);
  assert.deepEqual(got, [[ids[1], '1', '100'], [ids[2], '1', '100'], [ids[0], '0.5', '101']]);
  assert.deepEqual(Object.keys(trades[0]), ['id', 'buyOrderId', 'sellOrderId', 'amount', 'price', 'timestamp']);
  assert.equal(new Set(trades.map((trade) => trade.id)).size, 3);
  assert.equal(trades[0].takerSide, 'buy');
  assert.deepEqual(book.getRecentTrades(2).map(({ id }) => id), [trades[2].id, trades[1].id]);
  assert.deepEqual(book.getRecentTrades(), [...trades].reverse());
  assert.equal(book.getOrder(ids[1]).status, 'filled');
  const left = book.getOrder(ids[0]);
  assert.deepEqual([left.status, left.amount.toString(), left.filled.toString(), left.remaining.toString()], ['partial', '1', '0.5', '0.5']);
});

test('a partly filled order rests with what is left, and can be cancelled', async () => {
  const book = new OrderBook();
  await book.addOrder(order('sell', '1', '100'));
  const { remainingOrder: bid, trades } = await book.addOrder(order('buy', '1.5', '100'));
  assert.equal(trades.length, 1);
  assert.deepEqual([bid.status, bid.amount.toString(), bid.filled.toString()], ['partial', '1.5', '1']);
  assert.deepEqual(book.getOrderBook().bids, [{ price: '100', amount: '0.5', count: 1 }]);
  assert.equal(book.cancelOrder(bid.id), true);
  assert.equal(book.cancelOrder(bid.id), false);
  assert.deepEqual([book.getOrder(bid.id).status, book.orderCount], ['cancelled', 0]);
});

test('an order that is not allowed gives nothing and changes nothing', async () => {
  const book = new OrderBook();
  const good = order('buy', '1', '1');
  const bad = [
    { ...good, userId: 'ab' }, { ...good, userId: 'x'.repeat(51) }, { ...good, userId: 'a b c' }, { ...good, userId: 7 },
    { ...good, side: 'Buy' }, { ...good, side: undefined },
    { ...good, amount: '0' }, { ...good, amount: '-1' }, { ...good, amount: 1 }, { ...good, amount: '1e-9' }, { ...good, amount: '' },
    { ...good, amount: '1000000.1' }, { ...good, amount: '0.000000001' }, { ...good, amount: 'NaN' }, { ...good, amount: '1 2' }, { ...good, amount: '1 1', price: '' }, { ...good, amount: '', price: '1 1' },
    { ...good, price: '0' }, { ...good, price: 100 }, { ...good, price: '1000001' }, { ...good, price: ' 1' }, { ...good, price: 'Infinity' },
    { ...good, pair: 'ETH/USD' }, { ...good, pair: 7 }, {}, null, undefined,
  ];
  for (const wrong of bad) {
    const { error, ...result } = await book.addOrder(wrong);
    assert.deepEqual(result, { trades: [], remainingOrder: null }, inspect(wrong));
    assert.match(error, /^(userId|side|amount|price|pair) .* is not allowed: /, inspect(wrong));
  }
  assert.deepEqual([book.orderCount, book.getMetrics().totalOrders], [0, 0]);
  const fine = [{ ...good, userId: 'A.b_c-9' }, { ...good, pair: 'BTC/USD' }, { ...good, amount: '1000000' }, { ...good, price: '1000000' }];
  for (const right of fine) assert.ok((await book.addOrder(right)).remainingOrder, inspect(right));
});

test('the configured maxima hold', async () => {
  process.env.MAX_ORDER_AMOUNT = '5';
  process.env.MAX_ORDER_PRICE = '10';
  try {
    const book = new OrderBook();
    assert.equal((await book.addOrder(order('buy', '5.1', '1'))).remainingOrder, null);
    assert.equal((await book.addOrder(order('buy', '1', '10.1'))).remainingOrder, null);
    assert.ok((await book.addOrder(order('buy', '5', '10'))).remainingOrder);
    process.env.MAX_ORDER_PRICE = 'much';
    assert.throws(() => new OrderBook(), { field: 'MAX_ORDER_PRICE', value: 'much' });
  } finally {
    delete process.env.MAX_ORDER_AMOUNT;
    delete process.env.MAX_ORDER_PRICE;
  }
});

test('levels are sums, bids descend and asks ascend, and depth bounds them', async () => {
  const book = new OrderBook();
  for (let i = 1; i <= 12; i += 1) {
    await book.addOrder(order('buy', '1', String(i)));
    await book.addOrder(order('sell', '0.1', String(100 + i)));
  }
  await book.addOrder(order('sell', '0.2', '101'));
  const shown = book.getOrderBook();
  assert.deepEqual(Object.keys(shown), ['pair', 'timestamp', 'bids', 'asks']);
  assert.deepEqual([shown.bids.length, shown.asks.length, shown.pair], [10, 10, 'BTC/USD']);
  assert.deepEqual(shown.bids.map(({ price }) => price), ['12', '11', '10', '9', '8', '7', '6', '5', '4', '3']);
  assert.deepEqual(shown.asks[0], { price: '101', amount: '0.3', count: 2 });
  assert.equal(book.getOrderBook(3).asks.length, 3);
  assert.equal(book.getOrderBook(0).asks.length, 0);
  assert.equal(book.getOrderBook(Infinity).bids.length, 12);
  assert.deepEqual(book.getBestPrices(), { bid: '12', ask: '101', spread: '89' });
  assert.equal(book.getSpread(), '89');
});

test('a user has open orders, newest first', async () => {
  const book = new OrderBook();
  const ids = [];
  for (const user of ['bob', 'eve', 'bob']) {
    ids.push((await book.addOrder(order('buy', '1', '1', user))).remainingOrder.id);
  }
  assert.deepEqual(book.getUserOrders('bob').map(({ id }) => id), [ids[2], ids[0]]);
  book.cancelOrder(ids[2]);
  assert.deepEqual(book.getUserOrders('bob').map(({ id }) => id), [ids[0]]);
  assert.deepEqual(book.getUserOrders('nobody'), []);
});

test('thousands of users are told apart', async () => {
  const book = new OrderBook();
  for (let round = 0; round < 2; round += 1) {
    for (let i = 0; i < 3000; i += 1) {
      const { remainingOrder } = await book.addOrder(order('buy', '1', '1', `user-${i}`));
      assert.equal(remainingOrder.userId, `user-${i}`);
    }
  }
  for (const i of [0, 1023, 1024, 2999]) {
    assert.deepEqual(book.getUserOrders(`user-${i}`).map(({ userId }) => userId), Array(2).fill(`user-${i}`));
  }
});

test('ids that are none name no order', () => {
  const book = new OrderBook();
  for (const id of ['', 'x', '0'.repeat(32), 'é'.repeat(16), undefined, null, 7]) {
    assert.equal(book.getOrder(id), undefined);
    assert.equal(book.cancelOrder(id), false);
  }
});

test('metrics count orders, trades, levels and microseconds', async () => {
  const book = new OrderBook();
  await book.addOrder(order('sell', '1', '100'));
  await book.addOrder(order('sell', '1', '101'));
  await book.addOrder(order('buy', '1', '100'));
  const { averageLatency, maxLatency, minLatency, ...counts } = book.getMetrics();
  assert.deepEqual(counts, { totalOrders: 3, totalTrades: 1, orderCount: 1, tradeCount: 1, buyLevels: 0, sellLevels: 1, eventQueue: 0 });
  assert.ok(0 < minLatency && minLatency <= averageLatency && averageLatency <= maxLatency && maxLatency < 1e6);
});

test('a vector clock counts own changes and takes the greater of what comes in', async () => {
  const book = new OrderBook('BTC/USD', 'me');
  assert.deepEqual(book.getVectorClock(), { me: 0 });
  const { remainingOrder } = await book.addOrder(order('buy', '1', '1'), { other: 7 });
  await book.addOrder(order('buy', '1', '1'), { other: 3, third: 1, bad: 'x', __proto__: 5 });
  book.cancelOrder(remainingOrder.id);
  assert.deepEqual(book.getVectorClock(), { me: 3, other: 7, third: 1 });
  await book.addOrder(order('buy', '1', '1'), new Map([['me', 10]]));
  assert.deepEqual(book.getVectorClock().me, 11);
  assert.equal(Object.keys(new OrderBook().getVectorClock()).length, 1);
});

test('no digit is lost between text and number', async () => {
  process.env.MAX_ORDER_AMOUNT = process.env.MAX_ORDER_PRICE = '999999999999999.99999999';
  const book = new OrderBook();
  delete process.env.MAX_ORDER_AMOUNT;
  delete process.env.MAX_ORDER_PRICE;
  const most = '999999999999999.99999999';
  await book.addOrder(order('sell', most, most));
  const { trades: [trade], remainingOrder } = await book.addOrder(order('buy', '0.00000001', most));
  assert.deepEqual([trade.amount.toFixed(), trade.price.toFixed(), remainingOrder], ['0.00000001', most, null]);
  assert.equal(book.getOrderBook().asks[0].amount, '999999999999999.99999998');
  const { trades: [all], remainingOrder: rest } = await book.addOrder(order('buy', most, most));
  assert.equal(all.amount.toFixed(), '999999999999999.99999998');
  assert.deepEqual([rest.filled.toFixed(), rest.status], ['999999999999999.99999998', 'partial']);
});

test('a thousand trades of one order all come', async () => {
  const book = new OrderBook();
  for (let i = 0; i < 1000; i += 1) await book.addOrder(order('sell', '1', String(100 + (i % 10))));
  const { trades } = await book.addOrder(order('buy', '1000', '200'));
  assert.equal(trades.length, 1000);
  assert.ok(Decimal.sum(...trades.map(({ amount }) => amount)).eq(1000));
  assert.equal(book.tradeCount, 1000);
});

describe('the book of a client', () => {
  test('is an OrderBook with the same members, and shows the live book', async () => {
    const client = await start({ userId: 'bob' });
    const book = client.orderbook;
    assert.ok(book instanceof OrderBook);
    assert.equal(book, client.orderbook);
    assert.equal(book.pair, 'BTC/USD');
    const { remainingOrder } = await book.addOrder(order('sell', '2', '100', 'eve'));
    assert.equal(remainingOrder.userId, 'eve');
    assert.deepEqual(book.getOrderBook().asks, [{ price: '100', amount: '2', count: 1 }]);
    await client.placeBuyOrder('0.5', '100');
    assert.deepEqual([book.orderCount, book.tradeCount, book.isProcessing], [1, 1, false]);
    assert.deepEqual(book.getBestPrices(), { bid: null, ask: '100', spread: null });
    assert.equal(book.getSpread(), null);
    assert.equal(book.getRecentTrades()[0].amount.toString(), '0.5');
    assert.deepEqual(book.getUserOrders('eve').map(({ id }) => id), [remainingOrder.id]);
    assert.equal(book.getOrder(remainingOrder.id).status, 'partial');
    const { averageLatency, maxLatency, minLatency, ...counts } = book.getMetrics();
    assert.ok(minLatency > 0 && averageLatency <= maxLatency);
    assert.deepEqual(counts, { totalOrders: 2, totalTrades: 1, orderCount: 1, tradeCount: 1, buyLevels: 0, sellLevels: 1, eventQueue: 0 });
    assert.ok(client.getVectorClockStatus().nodeId in book.getVectorClock());
    assert.equal(book.cancelOrder(remainingOrder.id), true);
    assert.equal(book.getOrder(remainingOrder.id).status, 'cancelled');
    for (const [wrong, field] of [[order('sell', '0', '100'), 'amount'], [{ ...order('sell', '1', '100'), pair: 'X/Y' }, 'pair'], [undefined, 'amount']]) {
      const { error, ...result } = await book.addOrder(wrong);
      assert.deepEqual(result, { trades: [], remainingOrder: null });
      assert.match(error, new RegExp(`^${field} .* is not allowed: `));
    }
  });
});
