// The parts that reckon, without a page around them.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { createServer } from 'vite';

let server;
const load = (name) => server.ssrLoadModule(`/src/${name}.ts`);

before(async () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  server = await createServer({ root, logLevel: 'error', server: { middlewareMode: true, ws: false }, appType: 'custom' });
});
after(() => server.close());

const levels = (...pairs) => pairs.map(([price, amount]) => ({ price, amount, count: 1 }));
const texts = (list) => list.map(({ price, amount, total, count }) => [price.toFixed(), amount.toFixed(), total.toFixed(), count]);

test('levels add up exactly where floating point would not', async () => {
  const { steps } = await load('book');
  const book = levels(['0.3', '0.1'], ['0.2', '0.2'], ['0.1', '999999999999999.12345678']);
  const wanted = [['0.3', '0.1', '0.1', 1], ['0.2', '0.2', '0.3', 1], ['0.1', '999999999999999.12345678', '999999999999999.42345678', 1]];
  assert.deepEqual(texts(steps(book, 'buy')), wanted);
});

test('groups lie on the far side of their levels', async () => {
  const { steps } = await load('book');
  const bids = steps(levels(['109', '1'], ['101', '2'], ['99.5', '4']), 'buy', '10');
  assert.deepEqual(texts(bids), [['100', '3', '3', 2], ['90', '4', '7', 1]]);
  const asks = steps(levels(['110', '1'], ['110.1', '2'], ['120', '4']), 'sell', '10');
  assert.deepEqual(texts(asks), [['110', '1', '1', 1], ['120', '6', '7', 2]]);
});

test('a market order is reckoned along the book', async () => {
  const { sweep } = await load('book');
  const { Exact } = await load('decimals');
  const book = levels(['100', '0.1'], ['101', '0.2']);
  const part = sweep(book, new Exact('0.2'));
  assert.deepEqual([part.filled.toFixed(), part.cost.toFixed(), part.worst], ['0.2', '20.1', '101']);
  const more = sweep(book, new Exact('5'));
  assert.deepEqual([more.filled.toFixed(), more.cost.toFixed()], ['0.3', '30.2']);
  assert.equal(sweep([], new Exact('1')).worst, undefined);
});

test('values are written in groups of three, and nothing is rounded', async () => {
  const { shown } = await load('decimals');
  assert.equal(shown('60123.5', 2), '60,123.50');
  assert.equal(shown('999999999999999.12345678'), '999,999,999,999,999.12345678');
  assert.equal(shown('0.00000001'), '0.00000001');
  assert.equal(shown('123'), '123');
});

test('candles are the same in whatever order their trades come', async () => {
  const { Candles } = await load('candles');
  const { Exact } = await load('decimals');
  const trades = [[1000, '10'], [2000, '14'], [3000, '8'], [4000, '11'], [5000, '20']].map(([timestamp, price]) => ({
    timestamp, price: new Exact(price), amount: new Exact('0.1'),
  }));
  const draw = (list) => {
    const candles = new Candles(5000);
    for (const trade of list) candles.add(trade);
    return candles.list().map(({ start, open, high, low, close, volume }) => [start, ...[open, high, low, close, volume].map(String)]);
  };
  const wanted = [[0, '10', '14', '8', '11', '0.4'], [5000, '20', '20', '20', '20', '0.1']];
  assert.deepEqual(draw(trades), wanted);
  assert.deepEqual(draw([...trades].reverse()), wanted);
});

test('an order asks for what stands in its form', async () => {
  const { check } = await load('validation');
  const draft = { side: 'buy', type: 'limit', price: ' 60000.50 ', amount: '00.10', timeInForce: 'gtc' };
  assert.deepEqual(check(draft).order, { side: 'buy', type: 'limit', timeInForce: 'gtc', amount: '0.1', price: '60000.5' });
  const market = check({ ...draft, type: 'market', price: 'whatever', timeInForce: 'ioc' });
  assert.deepEqual(market.order, { side: 'buy', type: 'market', timeInForce: 'ioc', amount: '0.1' });
  assert.deepEqual(check({ ...draft, price: '', amount: '0.5' }).faults, { price: 'Enter a price, like 60000', amount: undefined });
});

test('the smallest and the largest value are allowed, and none beyond', async () => {
  const { valueFault } = await load('validation');
  const fault = (text) => valueFault('amount', text, '1000000');
  for (const text of ['0.00000001', '1000000', '999999.99999999']) assert.equal(fault(text), undefined);
  for (const text of ['0.000000001', '1000000.00000001', '0', '0.0', '.5', '5.', '+1', '0x10', '１', 'NaN', 'Infinity', '1 000']) {
    assert.notEqual(fault(text), undefined, text);
  }
});

test('peers are those of the address, else of the node that serves, else those of this machine', async () => {
  const { readSettings } = await load('settings');
  const read = (search, node = '') => readSettings({ search, host: 'node.example:3000', node });
  assert.deepEqual(read('?peers=a:1,%20b:2,').peers, ['a:1', 'b:2']);
  assert.deepEqual(read('?peers=a:1', 'network=local&pair=BTC%2FUSD').peers, ['a:1']);
  assert.deepEqual(read('', 'network=testnet&pair=ETH%2FUSD'), {
    peers: ['node.example:3000'], pair: 'ETH/USD', network: 'testnet', name: 'meshbook',
  });
  assert.equal(read('?pair=A/B', 'network=testnet&pair=ETH%2FUSD').pair, 'A/B');
  assert.deepEqual(read('').peers.map((peer) => peer.split(':')[1]), ['3001', '3002', '3003', '3004', '3005', '3000']);
});

test('the node that serves the page is dialed as the page was fetched', async () => {
  const { readSettings, addressFault } = await load('settings');
  const peer = (protocol, host, pathname = '/') => readSettings({ search: '', host, protocol, pathname, node: 'pair=A%2FB' }).peers.join();
  assert.equal(peer('http:', 'node.example'), 'node.example:80');
  assert.equal(peer('http:', '[::1]'), '[::1]:80');
  assert.equal(peer('http:', '[::1]:3000', '/index.html'), '[::1]:3000');
  assert.equal(peer('http:', 'node.example:8080', '/mesh/'), 'ws://node.example:8080/mesh/');
  assert.equal(peer('https:', 'node.example'), 'wss://node.example/');
  assert.equal(peer('https:', 'localhost:8443'), 'wss://localhost:8443/');
  assert.equal(peer('https:', 'node.example:444', '/a/b/index.html'), 'wss://node.example:444/a/b/');
  for (const fine of ['node.example:3000', '[::1]:1', 'wss://node.example/mesh/']) assert.equal(addressFault(fine), undefined);
  for (const wrong of ['ws://node.example', 'https://node.example', 'wss://', 'wss://me:secret@node.example/', 'node.example:1\u202e', 'wss://x/\u202e']) {
    assert.notEqual(addressFault(wrong), undefined, wrong);
  }
});

test('the state of the connection is told in words', async () => {
  const { connection, PATIENCE } = await load('connection');
  const now = { running: true, online: true, peers: [], wasConnected: false, alone: 0 };
  const peer = (status) => ({ status });
  const state = (other) => connection({ ...now, ...other }).state;
  assert.equal(state({ running: false }), 'starting');
  assert.equal(state({}), 'none');
  assert.equal(state({ peers: [peer('connecting')] }), 'connecting');
  assert.equal(state({ peers: [peer('disconnected')], alone: PATIENCE }), 'none');
  assert.equal(state({ peers: [peer('disconnected')], wasConnected: true }), 'reconnecting');
  assert.equal(state({ online: false }), 'offline');
  // A node on this machine is reached without a network.
  assert.equal(state({ online: false, peers: [peer('connected')] }), 'connected');
  assert.equal(connection({ ...now, peers: [peer('connected'), peer('connected')] }).text, 'Connected to 2 peers');
});
