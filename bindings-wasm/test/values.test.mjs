// Amounts and orders in a page: through proxies, copies and texts, and back in.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, serve } from './browser.mjs';

let server;
let browser;
let page;

before(async () => {
  [server, browser] = await Promise.all([serve(), launch()]);
  page = await browser.newPage();
  await page.goto(server.url);
  await page.evaluate(async () => {
    const { ExchangeClient } = await import('/dist/meshbook.js');
    window.client = new ExchangeClient({ name: null, userId: 'in-a-tab' });
    await client.initialize();
  });
});
after(() => Promise.all([browser?.close(), server?.close()]));

test('a small amount is a plain decimal as text, in every way, and goes back in', async () => {
  const said = await page.evaluate(async () => {
    const { remainingOrder: order } = await client.placeSellOrder('1e-7', '0.00000003');
    const { amount } = order;
    const back = await client.placeSellOrder(String(amount), amount);
    return [String(amount), `${amount}`, '' + amount, amount.toJSON(), JSON.parse(JSON.stringify(order)).price, String(back.remainingOrder.price), amount.times(2).toFixed()];
  });
  assert.deepEqual(said, [...Array(4).fill('0.0000001'), '0.00000003', '0.0000001', '0.0000002']);
});

test('exact values are taken in every form, and others are refused with the field', async () => {
  const said = await page.evaluate(async () => {
    const { remainingOrder: { amount } } = await client.placeSellOrder('0.25', '9');
    const forms = ['.5', '5.', '1e3', '1.500000000000', amount, structuredClone(amount), 7n, new Proxy(amount, {})];
    const taken = [];
    for (const form of forms) taken.push((await client.placeSellOrder(form, '9')).remainingOrder.amount.toString());
    const refused = [];
    for (const wrong of ['0', '1e-9', '1e9999999', 'NaN', '', 1, 1e-7, null, {}, -1n]) {
      const { success, code, error } = await client.placeSellOrder('1', wrong);
      refused.push(!success && code === 'INVALID_ORDER' && error.startsWith('price '));
    }
    return [taken, refused];
  });
  assert.deepEqual(said, [['0.5', '5', '1000', '1.5', '0.25', '0.25', '7', '0.25'], Array(10).fill(true)]);
});

test('orders work through proxies, and a client does, but is copied by none', async () => {
  const said = await page.evaluate(async () => {
    const [order] = client.getUserOrders();
    const seen = new Proxy(order, {});
    const copy = structuredClone(order);
    const proxy = new Proxy(client, {});
    const placed = await proxy.placeSellOrder('1', '2');
    const refused = [];
    const worker = new Worker(URL.createObjectURL(new Blob([''])));
    for (const use of [() => structuredClone(client), () => worker.postMessage(client), () => ({ ...client }), () => structuredClone(client.events())]) {
      try {
        use();
      } catch (error) {
        refused.push(`${error.name} ${error.message}`);
      }
    }
    worker.terminate();
    return {
      amount: String(seen.amount) === String(order.amount) && seen.filled.isZero(),
      fields: JSON.stringify(Object.keys(copy)) === JSON.stringify(Object.keys(order)),
      placed: placed.success && proxy.cancelOrder(placed.orderId) && proxy.isInitialized,
      json: JSON.stringify(client),
      refused,
    };
  });
  const { refused, ...rest } = said;
  assert.deepEqual(rest, { amount: true, fields: true, placed: true, json: '{"userId":"in-a-tab","pair":"BTC/USD","isInitialized":true}' });
  assert.equal(refused.length, 4);
  for (const text of refused) assert.match(text, /^TypeError (ExchangeClient|A stream of events) can't be copied, nor sent to a worker: /);
});
