import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import v8 from 'node:v8';
import { MessageChannel, Worker } from 'node:worker_threads';
import { describe, test } from 'node:test';
import { Decimal } from 'decimal.js';
import { GrenacheService } from 'meshbook';
import { OrderBook } from 'meshbook/orderbook';
import { start } from './helpers.mjs';

/** What Vue's `reactive` does to an object: whatever is an object comes out as a proxy again. */
function reactive(target) {
  const wrap = (value) => {
    const kind = Object.prototype.toString.call(value);
    return ['[object Object]', '[object Array]', '[object Map]', '[object Set]'].includes(kind) ? reactive(value) : value;
  };
  return new Proxy(target, {
    get: (object, key, receiver) => wrap(Reflect.get(object, key, receiver)),
    set: (object, key, value, receiver) => Reflect.set(object, key, value, receiver),
    has: (object, key) => Reflect.has(object, key),
    ownKeys: (object) => Reflect.ownKeys(object),
    deleteProperty: (object, key) => Reflect.deleteProperty(object, key),
  });
}

/** Goes into everything, and lets nothing be changed. */
function membrane(target) {
  const deep = (value) => ((typeof value === 'object' && value !== null) || typeof value === 'function' ? membrane(value) : value);
  const never = () => {
    throw new Error('nothing may be changed');
  };
  return new Proxy(target, {
    get: (object, key, receiver) => {
      const own = Object.getOwnPropertyDescriptor(object, key);
      const value = Reflect.get(object, key, receiver);
      return own && !own.configurable ? value : deep(value);
    },
    apply: (object, self, args) => deep(Reflect.apply(object, self, args)),
    set: never,
    defineProperty: never,
    deleteProperty: never,
  });
}

const PROXIES = { plain: (target) => new Proxy(target, {}), reactive, membrane, frozen: (target) => Object.freeze(target) };
const order = (side, amount, price) => ({ userId: 'user-1', side, amount, price });

async function traded() {
  const book = new OrderBook();
  await book.addOrder(order('sell', '0.0000001', '3'));
  const { trades: [trade], remainingOrder } = await book.addOrder(order('buy', '0.0000003', '3'));
  return { book, trade, remainingOrder };
}

describe('orders and trades', () => {
  for (const [name, proxy] of Object.entries(PROXIES)) {
    test(`work through a proxy: ${name}`, async () => {
      const { trade, remainingOrder } = await traded();
      const rest = proxy(remainingOrder);
      for (let twice = 0; twice < 2; twice += 1) {
        assert.equal(rest.amount.toString(), '0.0000003');
        assert.equal(rest.price.toNumber(), 3);
        assert.equal(rest.filled.toString(), '0.0000001');
        assert.equal(rest.remaining.toString(), '0.0000002');
        assert.ok(rest.amount.times(2).eq('6e-7'));
        assert.equal(`${rest.amount}`, '0.0000003');
      }
      const seen = proxy(trade);
      assert.deepEqual([seen.takerSide, seen.unsigned, String(seen.amount)], ['buy', false, '0.0000001']);
      assert.deepEqual(JSON.parse(JSON.stringify(rest)), { ...remainingOrder, amount: '0.0000003', price: '3' });
      assert.deepEqual(Object.keys({ ...rest }), Object.keys(remainingOrder));
    });
  }

  test('keep every field through structuredClone, v8 and a message, and their amounts go back in', async () => {
    const { book, trade, remainingOrder } = await traded();
    const { port1, port2 } = new MessageChannel();
    const sent = new Promise((resolve) => port2.once('message', resolve));
    port1.postMessage({ trade, remainingOrder });
    const copies = [
      structuredClone({ trade, remainingOrder }),
      v8.deserialize(v8.serialize({ trade, remainingOrder })),
      await sent,
    ];
    port1.close();
    for (const copy of copies) {
      for (const [one, original] of [[copy.trade, trade], [copy.remainingOrder, remainingOrder]]) {
        assert.deepEqual(Object.keys(one), Object.keys(original));
        assert.ok(new Decimal(one.amount).eq(original.amount));
        assert.ok(new Decimal(one.price).eq(original.price));
        assert.deepEqual({ ...one, amount: 0, price: 0 }, { ...original, amount: 0, price: 0 });
      }
      const again = await book.addOrder({ ...order('sell'), amount: copy.trade.amount, price: '9' });
      assert.equal(again.remainingOrder.amount.toString(), '0.0000001');
    }
  });
});

describe('amounts and prices', () => {
  test('are plain decimals as text, however they are made text', async () => {
    const { book, remainingOrder } = await traded();
    const { amount } = remainingOrder;
    const text = '0.0000003';
    assert.deepEqual([String(amount), `${amount}`, '' + amount, amount.toString(), amount.toJSON(), amount.valueOf(), inspect(amount)], Array(7).fill(text));
    assert.equal(JSON.stringify({ amount }), `{"amount":"${text}"}`);
    assert.equal([amount].join(), text);
    const { trades, remainingOrder: rest } = await book.addOrder(order('sell', String(amount), '3'));
    assert.equal(String(Decimal.sum(...trades.map((trade) => trade.amount)).plus(rest?.remaining ?? 0).toFixed()), text);
  });

  test('are what decimal.js makes of the same text', () => {
    const texts = ['0', '1', '10', '1.5', '50000', '0.00000001', '0.00012345', '0.1', '9999999', '10000000', '10000000.5', '20000000',
      '100000000000000', '123456789012345.12345678', '999999999999999.99999999', '0.99999999', '100.00000001'];
    for (let i = 0; i < 5000; i += 1) {
      const whole = Math.floor(Math.random() * 10 ** (i % 16));
      texts.push(i % 3 === 0 ? String(whole) : `${whole}.${String(Math.floor(Math.random() * 10 ** (i % 9))).slice(0, 8)}`);
    }
    const digits = ({ s, e, d }) => ({ s, e, d });
    return Promise.all(texts.map(async (text) => {
      if (new Decimal(text).isZero() || new Decimal(text).gt(1_000_000)) return;
      const { remainingOrder } = await new OrderBook().addOrder(order('buy', text, '1'));
      assert.deepEqual(digits(remainingOrder.amount), digits(new Decimal(text)), text);
      assert.ok(remainingOrder.amount instanceof Decimal && Decimal.isDecimal(remainingOrder.amount));
      assert.equal(remainingOrder.amount.constructor, Decimal);
    }));
  });

  test('are taken in every exact form', async () => {
    const forms = [['1e-7', '0.0000001'], ['1E-7', '0.0000001'], ['.5', '0.5'], ['5.', '5'], ['1.5e3', '1500'], ['1e3', '1000'],
      ['1.50000000000', '1.5'], ['+2', '2'], [new Decimal('1e-8'), '0.00000001'], [new Decimal('2.50'), '2.5'], [7n, '7'],
      [new Proxy(new Decimal('0.25'), {}), '0.25']];
    const client = await start({ userId: 'bob' });
    for (const book of [new OrderBook(), client.orderbook]) {
      for (const [given, text] of forms) {
        const { remainingOrder: byAmount } = await book.addOrder(order('buy', given, '1'));
        assert.equal(byAmount.amount.toString(), text);
        const { remainingOrder: byPrice } = await book.addOrder(order('buy', '1', given));
        assert.equal(byPrice.price.toString(), text);
        assert.equal(book.getOrder(byPrice.id).price.toString(), text);
      }
    }
    const other = await start({ userId: 'eve' });
    for (const [given, text] of forms) {
      const placed = await other.placeBuyOrder(given, given);
      assert.ok(placed.success, placed.error);
      assert.equal(placed.remainingOrder.amount.toString(), text);
      const { trades: [trade] } = await other.placeSellOrder(placed.remainingOrder.amount, placed.remainingOrder.price);
      assert.equal(trade.amount.toString(), text);
    }
  });

  test('that are refused are refused with the field and what is allowed', async () => {
    const client = await start({ userId: 'bob' });
    const wrong = ['0', '-1', '1e-9', '0.000000001', '1e400', '1e9999999', 'NaN', 'Infinity', '', ' ', '1 2', '1,5', 'x'.repeat(10_000),
      0, 1, 1e-7, NaN, null, undefined, {}, [], true, new Decimal(-1), new Decimal('1e-9'), new Decimal(NaN), -1n, 10n ** 40n, '1000000.1'];
    for (const book of [new OrderBook(), client.orderbook]) {
      for (const value of wrong) {
        for (const field of ['amount', 'price']) {
          const { error, ...result } = await book.addOrder({ ...order('buy', '1', '1'), [field]: value });
          // A book has no market orders; a node refuses one that has no price likewise.
          assert.deepEqual(result, { trades: [], remainingOrder: null }, `${field} ${inspect(value)}`);
          assert.match(error, new RegExp(`^${field} .*(is not allowed|needs|price)`), `${field} ${inspect(value)}`);
        }
      }
      assert.equal(book.orderCount, 0);
    }
  });
});

describe('what is native', () => {
  const copies = (value) => ({
    structuredClone: () => structuredClone(value),
    'in an array': () => structuredClone([{ value }]),
    'v8.serialize': () => v8.serialize(value),
    spread: () => ({ ...value }),
    assign: () => Object.assign({}, value),
    postMessage: () => new MessageChannel().port1.postMessage(value),
    workerData: () => new Worker('', { eval: true, workerData: value }),
  });

  test('refuses each copy, and says what to do', async () => {
    const client = await start({ userId: 'bob' });
    const service = new GrenacheService('http://127.0.0.1:1');
    const events = client.events();
    const handles = [['ExchangeClient', client], ['OrderBook', new OrderBook()], ['OrderBook', client.orderbook], ['GrenacheService', service], ['A stream of events', events]];
    for (const [name, value] of handles) {
      for (const [way, copy] of Object.entries(copies(value))) {
        assert.throws(copy, { name: 'TypeError', message: new RegExp(`^${name} can't be copied, nor sent to a worker: `) }, `${name} ${way}`);
      }
    }
    assert.deepEqual(JSON.parse(JSON.stringify(client)), { userId: 'bob', pair: 'BTC/USD', isInitialized: true });
    assert.equal(inspect(client), "ExchangeClient { userId: 'bob', pair: 'BTC/USD', isInitialized: true }");
    assert.match(inspect(new OrderBook()), /^OrderBook \{ pair: 'BTC\/USD'/);
    await events.return();
    await service.destroy();
    await client.placeBuyOrder('1', '1');
    assert.equal(client.getUserOrders().length, 1, 'it goes on');
  });

  test('works through proxies', async () => {
    for (const proxy of [PROXIES.plain, reactive]) {
      const book = proxy(new OrderBook());
      const { remainingOrder } = await book.addOrder(order('sell', '1', '100'));
      assert.equal(book.orderCount, 1);
      assert.equal(book.getOrder(remainingOrder.id).id, remainingOrder.id);
      const client = proxy(await start({ userId: 'bob' }));
      const events = proxy(client.events());
      const placed = await client.placeSellOrder('1', '100');
      assert.deepEqual([placed.success, client.pair, client.isInitialized], [true, 'BTC/USD', true]);
      assert.equal(client.orderbook.getOrderBook().asks.length, 1);
      for await (const event of events) {
        if (event.type === 'order') break;
      }
      assert.equal(client.cancelOrder(placed.orderId), true);
      await client.destroy();
    }
  });

  test('is each worker\'s own, and a worker that ends takes only its own with it', async () => {
    const source = `
      import { parentPort, workerData } from 'node:worker_threads';
      const { OrderBook } = await import(workerData);
      const book = new OrderBook();
      let error;
      try { parentPort.postMessage(book); } catch (caught) { error = caught.message; }
      const { remainingOrder } = await book.addOrder({ userId: 'user-1', side: 'buy', amount: '1e-7', price: '2' });
      parentPort.postMessage({ error, count: book.orderCount, remainingOrder });
    `;
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
    const book = new OrderBook();
    await book.addOrder(order('sell', '1', '100'));
    for (let turn = 0; turn < 3; turn += 1) {
      const worker = new Worker(url, { workerData: import.meta.resolve('meshbook/orderbook') });
      const said = await new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      assert.match(said.error, /^OrderBook can't be copied/);
      assert.equal(said.count, 1);
      assert.equal(new Decimal(said.remainingOrder.amount).toFixed(), '0.0000001');
      await worker.terminate();
      assert.equal(book.orderCount, 1);
    }
  });
});
