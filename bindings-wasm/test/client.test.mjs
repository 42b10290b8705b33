// A tab is a node: with native nodes, with other tabs, over reloads, losses and lies.
import assert from 'node:assert/strict';
import { createServer, connect } from 'node:net';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { eventually, launch, serve, startNode } from './browser.mjs';

let server;
let browser;
let context;
let errors;
const nodes = [];

before(async () => {
  [server, browser] = await Promise.all([serve(), launch()]);
});
after(() => Promise.all([browser?.close(), server?.close()]));
beforeEach(async () => {
  errors = [];
  context = await browser.newContext();
});
afterEach(async () => {
  await context.close();
  await Promise.all(nodes.splice(0).map((node) => node.kill().then(node.remove)));
  assert.deepEqual(errors, []);
});

async function native(settings) {
  const node = await startNode(settings);
  nodes.push(node);
  return node;
}

/** An empty page; what goes wrong in it fails the test. */
async function open(where = context) {
  const page = await where.newPage();
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    // Where nobody listens, the browser says so by itself.
    const refused = /WebSocket connection to .* failed/.test(message.text());
    if (message.type() === 'error' && !refused) errors.push(message.text());
  });
  await page.goto(server.url);
  return page;
}

/** A tab with a started client, as `client` in its window. */
async function tab(peers, options = {}, where = context) {
  const page = await open(where);
  await start(page, peers, options);
  return page;
}

function start(page, peers, options = {}) {
  return page.evaluate(
    async (wanted) => {
      const { ExchangeClient } = await import('/dist/meshbook.js');
      window.client = new ExchangeClient(wanted);
      await client.initialize();
    },
    { userId: 'in-a-tab', ...options, peers },
  );
}

const connected = (page, count = 1) =>
  eventually('connected', () => page.evaluate(() => client.getP2PStats().peers.connectedPeers), (peers) => peers === count);
const book = (page) => page.evaluate(() => client.getOrderBook());
const shows = (page, side, amount) =>
  eventually(`${side} of ${amount}`, () => book(page), (shown) => shown[side][0]?.amount === amount);
/** Decimals as text, so that they come out of the page. */
const buy = (page, amount, price) => page.evaluate(async (args) => JSON.parse(JSON.stringify(await client.placeBuyOrder(...args))), [amount, price]);
const sell = (page, amount, price) => page.evaluate(async (args) => JSON.parse(JSON.stringify(await client.placeSellOrder(...args))), [amount, price]);

test('a tab and a native node place, see, fill and cancel orders of each other', async () => {
  const node = await native();
  const page = await tab([node.address]);
  await connected(page);
  await node.place('sell', '1.5', '100');
  await shows(page, 'asks', '1.5');
  const bought = await buy(page, '0.5', '101');
  assert.equal(bought.success, true);
  assert.equal(bought.trades[0].price, '100');
  const mine = await sell(page, '2', '110');
  await eventually('the tab\'s ask', () => node.book(), ({ asks }) => asks[1]?.amount === '2');
  const taken = await node.place('buy', '2.25', '110');
  assert.deepEqual(taken.trades.map(({ amount, price }) => [amount, price]), [['1', '100'], ['1.25', '110']]);
  await eventually('the order is partly filled', () => page.evaluate((id) => client.getOrder(id).status, mine.orderId), (status) => status === 'partial');
  assert.equal(await page.evaluate((id) => client.cancelOrder(id), mine.orderId), true);
  assert.equal(await page.evaluate((id) => client.cancelOrder(id), mine.orderId), false);
  await eventually('the cancel', () => node.book(), ({ asks }) => asks.length === 0);
  const ids = (trades) => trades.map(({ id }) => id).sort();
  assert.deepEqual(ids(await page.evaluate(() => client.getTradeHistory().map(({ id }) => ({ id })))), ids(await node.trades()));
});

test('two tabs that know only a native node trade through it, and go on when it is back', async () => {
  const node = await native();
  const [first, second] = await Promise.all([tab([node.address], { name: 'first' }), tab([node.address], { name: 'second' })]);
  await Promise.all([connected(first), connected(second)]);
  await sell(first, '3', '50');
  await shows(second, 'asks', '3');
  assert.equal((await buy(second, '1', '50')).trades.length, 1);
  await shows(first, 'asks', '2');

  await node.kill();
  await Promise.all([connected(first, 0), connected(second, 0)]);
  const alone = await buy(second, '0.5', '40');
  assert.equal(alone.success, true);
  nodes.splice(0);
  await native({ folder: node.folder, env: { P2P_PORT: node.address.split(':').at(-1) } });
  await Promise.all([connected(first), connected(second)]);
  await shows(first, 'bids', '0.5');
  assert.equal((await sell(first, '0.5', '40')).trades.length, 1);
});

test('a reload keeps the identity and the open orders', async () => {
  const node = await native();
  const page = await tab([node.address]);
  await connected(page);
  const { orderId } = await sell(page, '1', '70');
  const id = await page.evaluate(() => client.nodeId);
  await page.reload();
  await start(page, []);
  assert.equal(await page.evaluate(() => client.nodeId), id);
  assert.deepEqual(await page.evaluate(() => client.getUserOrders().map((order) => [order.id, order.amount.toString(), order.status])), [[orderId, '1', 'pending']]);
  // It remembers whom to dial, and its order is filled when it may make again.
  await connected(page);
  await node.place('buy', '0.25', '70');
  await eventually('the order is partly filled', () => page.evaluate((id) => client.getOrder(id).status, orderId), (status) => status === 'partial');
});

test('a second tab with the same key is refused with words, and may have it later', async () => {
  const page = await tab([]);
  const second = await open();
  const refused = second.evaluate(async () => {
    const { ExchangeClient } = await import('/dist/meshbook.js');
    window.client = new ExchangeClient({ userId: 'in-a-tab' });
    await client.initialize().catch((error) => {
      throw new Error(`${error.name} ${error.code}: ${error.message}`);
    });
  });
  await assert.rejects(refused, /StartError IN_USE: another tab runs the node "default"/);
  const id = await page.evaluate(async () => {
    const { nodeId } = client;
    await client.destroy();
    await client.destroy();
    return nodeId;
  });
  await second.evaluate(() => client.initialize());
  assert.equal(await second.evaluate(() => client.nodeId), id);
});

test('a key goes to another browser, and to no name that has one', async () => {
  const page = await tab([]);
  const [id, key] = await page.evaluate(() => [client.nodeId, client.exportKey()]);
  const elsewhere = await browser.newContext();
  const other = await tab([], { key }, elsewhere);
  assert.equal(await other.evaluate(() => client.nodeId), id);
  await other.evaluate(() => client.destroy());
  const wrong = start(other, [], { key: 'ab'.repeat(32) });
  await assert.rejects(wrong, /has another key already/);
  await elsewhere.close();
});

/** Changes the last byte of every WebSocket frame. */
function change(bytes) {
  for (let at = 0; at + 4 < bytes.length; ) {
    const short = bytes[at + 1] & 127;
    const [head, length] = short < 126 ? [2, short] : [4, bytes.readUInt16BE(at + 2)];
    const last = Math.min(at + head + length, bytes.length) - 1;
    bytes[last] ^= 1;
    at = last + 1;
  }
}

test('what a liar changes on the way ends the session and nothing else', async () => {
  const node = await native();
  const [host, port] = node.address.split(':');
  let lies = false;
  const liar = createServer((socket) => {
    const upstream = connect(Number(port), host);
    socket.pipe(upstream).on('error', () => {});
    upstream.on('data', (bytes) => {
      if (lies) change(bytes);
      socket.write(bytes);
    });
    for (const end of [socket, upstream]) end.on('error', () => {}).on('close', () => [socket, upstream].forEach((one) => one.destroy()));
  });
  await new Promise((resolve) => liar.listen(0, '127.0.0.1', resolve));
  const page = await tab([`127.0.0.1:${liar.address().port}`]);
  await connected(page);
  await page.evaluate(() => {
    window.reasons = [];
    client.on('peer:disconnected', ({ reason }) => reasons.push(reason));
  });
  lies = true;
  await node.place('sell', '1', '10');
  await eventually('the session ends', () => page.evaluate(() => reasons), (reasons) => reasons[0] === 'tampered');
  assert.deepEqual((await book(page)).asks, []);
  lies = false;
  await connected(page);
  await shows(page, 'asks', '1');
  liar.close();
});

test('a client lives in a worker, and its events are iterated', async () => {
  const node = await native();
  const page = await open();
  const told = page.evaluate(async (peer) => {
    const source = `
      const { ExchangeClient } = await import('${location.origin}/dist/meshbook.js');
      const client = new ExchangeClient({ peers: ['${peer}'], name: null });
      const events = client.events();
      await client.initialize();
      for await (const event of events) {
        postMessage(event.type);
        if (event.type === 'book') break;
      }
      await client.destroy();
      postMessage('destroyed');
    `;
    const worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })), { type: 'module' });
    const types = [];
    await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => types.push(data) && data === 'destroyed' && resolve();
      worker.onerror = reject;
    });
    return types;
  }, node.address);
  await node.place('sell', '1', '10');
  const types = await told;
  assert.ok(types.includes('peer:connected'), `${types}`);
  assert.deepEqual(types.slice(-2), ['book', 'destroyed']);
});

test('wrong input is refused by its field and changes nothing', async () => {
  const page = await open();
  const said = await page.evaluate(async () => {
    const { ExchangeClient } = await import('/dist/meshbook.js');
    const words = async (wrong) => {
      try {
        return JSON.stringify(await wrong());
      } catch (error) {
        return `${error.name} ${error.code} ${error.field ?? ''}`.trim();
      }
    };
    const started = (options) => words(() => new ExchangeClient({ name: null, ...options }).initialize());
    const client = new ExchangeClient({ name: null });
    const early = await words(() => client.placeBuyOrder('1', '1'));
    await client.initialize();
    const place = (order) => words(() => client.placeOrder({ side: 'buy', amount: '1', price: '1', ...order }));
    return {
      options: [await started({ pair: 'BTCUSD' }), await started({ peers: ['nowhere'] }), await started({ maxOrderPrice: '-1' }), await started({ key: 'x' })],
      early,
      orders: [await place({ side: 'hold' }), await place({ amount: 1.5 }), await place({ price: '0' }), await place({ type: 'stop' }), await place({ timeInForce: 'day' }), await place({ lifetime: 0.5 })],
      peer: await words(() => client.addPeer('nowhere')),
      left: [client.getUserOrders().length, client.cancelOrder('nonsense'), client.getOrder('nonsense') === undefined],
    };
  });
  const invalid = (field) => `InvalidValueError INVALID_VALUE ${field}`;
  assert.deepEqual(said, {
    options: [invalid('pair'), invalid('peers'), invalid('maxOrderPrice'), invalid('key')],
    early: 'OrderError NOT_INITIALIZED',
    orders: ['side', 'amount', 'price', 'type', 'timeInForce', 'lifetime'].map((field) => `OrderError INVALID_ORDER ${field}`),
    peer: invalid('address'),
    left: [0, false, true],
  });
});

test('an aborted order is cancelled, and a destroyed client takes none', async () => {
  const page = await tab([], { name: null });
  const said = await page.evaluate(async () => {
    const abort = new AbortController();
    const placing = client.placeOrder({ side: 'buy', amount: '1', price: '1', signal: abort.signal });
    abort.abort(new Error('enough'));
    const reason = await placing.catch((error) => error.message);
    const statuses = client.getOrderHistory().map(({ status }) => status);
    await client.destroy();
    const late = await client.placeBuyOrder('1', '1');
    return { reason, statuses, late: late.code, cancel: client.cancelOrder('x'), running: client.isInitialized };
  });
  assert.deepEqual(said, { reason: 'enough', statuses: ['cancelled'], late: 'SHUTTING_DOWN', cancel: false, running: false });
});
