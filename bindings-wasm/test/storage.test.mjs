// Browsers close databases, remove them and hang: nothing that was confirmed is lost in silence, and nobody waits for ever.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { eventually, launch, serve } from './browser.mjs';

let server;
let browser;
let context;
let errors;

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
  assert.deepEqual(errors, []);
});

async function open({ locks = true } = {}) {
  const page = await context.newPage();
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.addInitScript((locks) => {
    if (!locks) Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });
    // Every connection to a database.
    window.connections = [];
    const { open } = IDBFactory.prototype;
    IDBFactory.prototype.open = function (...args) {
      const request = open.apply(this, args);
      request.addEventListener('success', () => connections.push(request.result));
      return request;
    };
  }, locks);
  await page.goto(server.url);
  return page;
}

const start = (page) =>
  page.evaluate(async () => {
    const { ExchangeClient } = await import('/dist/meshbook.js');
    window.told = [];
    window.client = new ExchangeClient({ userId: 'in-a-tab' });
    client.on('error', ({ code, message }) => told.push([code, message]));
    await client.initialize();
    return client.nodeId;
  });

/** What comes of an order to sell one at a price. */
const sell = (page, price) =>
  page.evaluate(async (price) => {
    const { success, code, error, orderId } = await client.placeSellOrder('1', price);
    return { success, code, error, orderId };
  }, price);

const prices = (page) => page.evaluate(() => client.getUserOrders().map(({ price }) => price.toString()).sort());

for (const [what, close] of Object.entries({
  'tells so': () => {
    const db = connections.at(-1);
    db.close();
    db.dispatchEvent(new Event('close'));
  },
  'says nothing': () => connections.at(-1).close(),
})) {
  test(`a database that the browser closes and ${what} is opened again`, async () => {
    const page = await open();
    const id = await start(page);
    assert.ok((await sell(page, '101')).success);
    for (const price of ['102', '103']) {
      await page.evaluate(close);
      const placed = await sell(page, price);
      assert.ok(placed.success, placed.error);
    }
    assert.deepEqual(await page.evaluate(() => told), []);
    await page.reload();
    assert.equal(await start(page), id);
    assert.deepEqual(await prices(page), ['101', '102', '103']);
  });
}

for (const [what, remove] of Object.entries({
  'the site\'s data is cleared': async (page) => {
    const session = await context.newCDPSession(page);
    await session.send('Storage.clearDataForOrigin', { origin: new URL(server.url).origin, storageTypes: 'all' });
  },
  'the database is removed by another tab': async () => {
    const other = await open();
    await other.evaluate(() => new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase('meshbook-default');
      request.onsuccess = resolve;
      request.onerror = request.onblocked = () => reject(new Error('it is not let go'));
    }));
  },
})) {
  test(`when ${what} the node ends and says so`, async () => {
    const page = await open();
    const id = await start(page);
    assert.ok((await sell(page, '101')).success);
    await remove(page);
    await eventually('it is told', () => page.evaluate(() => told.length));
    const [[code, message], ...more] = await page.evaluate(() => told);
    assert.deepEqual([code, more], ['STORAGE_LOST', []]);
    assert.match(message, /removed this site's data/);
    const { success, code: refused } = await sell(page, '102');
    assert.deepEqual([success, refused], [false, 'STORAGE_LOST']);
    assert.equal(await page.evaluate(() => client.isInitialized), false);
    await page.evaluate(() => client.destroy());
    // Nothing half is left: the next one is a new node.
    assert.deepEqual(await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name)), []);
    assert.notEqual(await start(page), id);
    assert.deepEqual(await prices(page), []);
  });
}

test('an order that waits when the data is cleared is refused', async () => {
  const page = await open();
  await start(page);
  const outcome = page.evaluate(async () => {
    const placing = client.placeSellOrder('1', '101');
    indexedDB.deleteDatabase('meshbook-default');
    const { success, code } = await placing;
    return [success, code];
  });
  // It was written just before, or it was not placed.
  const [success, code] = await outcome;
  assert.ok(success || code === 'STORAGE_LOST', code);
  await eventually('it is told', () => page.evaluate(() => told.length));
});

test('a database of an earlier version gets the tables that it lacks', async () => {
  const page = await open();
  await page.evaluate(() => new Promise((resolve, reject) => {
    const request = indexedDB.open('meshbook-default', 1);
    request.onupgradeneeded = () => {
      for (const table of ['meta', 'orders', 'takes', 'fills', 'trades', 'proofs', 'node']) {
        request.result.createObjectStore(table);
      }
    };
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
    request.onerror = () => reject(request.error);
  }));
  await start(page);
  assert.ok((await sell(page, '101')).success);
});

test('a newer version of the page takes the database over', async () => {
  const page = await open();
  await start(page);
  const other = await open();
  await other.evaluate(() => new Promise((resolve, reject) => {
    const request = indexedDB.open('meshbook-default', 1_000);
    request.onsuccess = resolve;
    request.onerror = request.onblocked = () => reject(new Error('it is not let go'));
  }));
  await eventually('it is told', () => page.evaluate(() => told.length));
  assert.match(String(await page.evaluate(() => told[0])), /STORAGE_LOST,.*newer version/);
});

test('a database that hangs fails orders within bounded time, and cancels them when it works again', async () => {
  const page = await open();
  await start(page);
  assert.ok((await sell(page, '101')).success);
  // Another connection keeps a transaction open, so that none of ours begins.
  await page.evaluate(() => new Promise((resolve) => {
    const request = indexedDB.open('meshbook-default');
    request.onsuccess = () => {
      const db = request.result;
      const tx = db.transaction([...db.objectStoreNames], 'readwrite');
      window.holds = true;
      const again = () => {
        if (window.holds) tx.objectStore('node').get('key').onsuccess = again;
        else db.close();
      };
      again();
      resolve();
    };
  }));
  const begin = Date.now();
  const { success, code, error } = await sell(page, '102');
  assert.deepEqual([success, code], [false, 'STORAGE_STALLED'], error);
  assert.ok(Date.now() - begin < 60_000);
  assert.equal((await sell(page, '103')).code, 'STORAGE_FAILED');
  assert.equal((await page.evaluate(() => told))[0][0], 'STORAGE_FAILED');

  await page.evaluate(() => (window.holds = false));
  const placed = await eventually('orders are taken again', () => sell(page, '104'), (placed) => placed.success);
  assert.ok(placed.orderId);
  await eventually('what was refused is cancelled', () => prices(page), (open) => String(open) === '101,104');
  await page.reload();
  await start(page);
  assert.deepEqual(await prices(page), ['101', '104']);
});

test('without Web Locks a second tab is refused, and one that can not answer is taken over', async () => {
  const first = await open({ locks: false });
  const id = await start(first);
  assert.ok((await sell(first, '101')).success);
  const second = await open({ locks: false });
  await assert.rejects(start(second), /another tab runs the node "default"/);
  assert.ok((await sell(first, '102')).success, 'the first one goes on');

  // As one that sleeps.
  await first.evaluate(() => (BroadcastChannel.prototype.postMessage = () => {}));
  assert.equal(await start(second), id);
  assert.deepEqual(await prices(second), ['101', '102']);
  const late = await sell(first, '103');
  assert.deepEqual([late.success, late.code], [false, 'IN_USE']);
  assert.match(String(await first.evaluate(() => told)), /IN_USE,the node has ended: another tab has taken over/);
  assert.ok((await sell(second, '104')).success);
  await second.reload();
  assert.equal(await start(second), id);
  assert.deepEqual(await prices(second), ['101', '102', '104']);
});

test('of two tabs without Web Locks that start at once one is the node', async () => {
  const pages = await Promise.all([open({ locks: false }), open({ locks: false })]);
  const started = await Promise.allSettled(pages.map(start));
  assert.deepEqual(started.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  assert.match(String(started.find(({ reason }) => reason).reason), /another tab runs the node/);
});
