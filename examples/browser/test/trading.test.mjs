import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { Tab, openBrowser } from './support/browser.mjs';
import { NativeNode, until } from './support/node.mjs';

let browser;
let node;
let tabs = [];
const open = async (options) => {
  const tab = await Tab.open(browser, node.url, options);
  tabs.push(tab);
  return tab;
};

before(async () => (browser = await openBrowser()));
after(() => browser.close());
beforeEach(async () => (node = await NativeNode.start()));
afterEach(async () => {
  for (const tab of tabs.splice(0)) await tab.context.close();
  await node.end();
});

test('a tab sees the orders of a native node and takes a part of one', async () => {
  await node.ask('sell', '1', '60100');
  await node.ask('buy', '0.4', '59900');
  const tab = await open();
  await tab.waitForLevels('sell', [['60100', '1']]);
  await tab.waitForLevels('buy', [['59900', '0.4']]);

  assert.equal(await tab.place({ side: 'buy', amount: '0.25', price: '60100' }), 'Buy 0.25 BTC: filled.');

  await tab.waitForLevels('sell', [['60100', '0.75']]);
  const [trade] = await until('the trade at the native node', async () => {
    const trades = await node.ask('trades');
    return trades.length === 1 && trades;
  });
  assert.deepEqual([trade.amount, trade.price, trade.takerSide], ['0.25', '60100', 'buy']);
  await tab.says('#last-price', '60,100');
  await tab.tab('Fills');
  await tab.says('#fills', trade.id.slice(0, 12));
  tab.assertQuiet();
});

test('an order of a tab is seen, filled in part and cancelled', async () => {
  const tab = await open();
  const said = await tab.place({ side: 'sell', amount: '1.5', price: '60000.5' });
  assert.equal(said, 'Sell 1.5 BTC at 60,000.5: 1.5 open.');
  await until('the order at the native node', async () => (await node.ask('book')).asks[0]?.amount === '1.5');

  await node.ask('buy', '0.5', '60000.5');
  await tab.says('#open-orders', '0.5 (33%)');
  await tab.says('#open-orders', 'Partly filled');
  await tab.says('#toasts', 'Traded 0.5 at 60,000.5');

  await tab.page.getByRole('button', { name: 'Cancel sell 1.5 at 60,000.5' }).click();
  await until('the order to go', async () => (await node.ask('book')).asks.length === 0);
  await tab.says('#open-empty', 'No open orders');
  await tab.tab('History');
  await tab.says('#history', 'Cancelled');
  tab.assertQuiet();
});

test('two tabs trade through a native node that they alone know', async () => {
  const [alice, bob] = [await open(), await open()];
  await alice.place({ side: 'sell', amount: '2', price: '60000' });
  await bob.waitForLevels('sell', [['60000', '2']]);
  assert.equal(await bob.place({ side: 'buy', amount: '0.75', price: '60000' }), 'Buy 0.75 BTC: filled.');
  await alice.waitForLevels('sell', [['60000', '1.25']]);
  await alice.says('#open-orders', '0.75 (37%)');

  const ids = [];
  for (const tab of [alice, bob]) {
    await tab.tab('Fills');
    await tab.page.waitForSelector('#fills tr');
    assert.equal((await tab.rows('#fills')).length, 1);
    ids.push(await tab.page.locator('#fills code').getAttribute('title'));
    tab.assertQuiet();
  }
  assert.equal(ids[0], ids[1]);
  const [trade] = await node.ask('trades');
  assert.equal(trade.id, ids[0]);
});

test('each kind of order does what it says', async () => {
  await node.ask('sell', '0.5', '60100');
  await node.ask('sell', '0.5', '60200');
  const tab = await open();
  await tab.waitForLevels('sell', [['60100', '0.5'], ['60200', '0.5']]);

  const post = { side: 'buy', amount: '0.1', price: '60100', timeInForce: 'post' };
  assert.match(await tab.place(post), /post-only order may not trade at once/);
  const kill = { side: 'buy', amount: '2', price: '60200', timeInForce: 'fok' };
  assert.match(await tab.place(kill), /Not enough stands in the book/);
  const now = { side: 'buy', amount: '0.7', price: '60100', timeInForce: 'ioc' };
  assert.equal(await tab.place(now), 'Buy 0.7 BTC: 0.5 filled, the rest is cancelled.');

  await tab.page.getByRole('radio', { name: 'Market' }).check();
  await tab.page.getByLabel('Amount', { exact: true }).fill('0.2');
  await tab.says('#total', '12,040 USD');
  assert.equal(await tab.place({ side: 'buy', type: 'market', amount: '0.2' }), 'Buy 0.2 BTC: filled.');
  await tab.waitForLevels('sell', [['60200', '0.3']]);
  tab.assertQuiet();
});

test('values with the most digits stay exact', async () => {
  await node.ask('sell', '0.12345678', '999999.99999999');
  const tab = await open();
  await tab.waitForLevels('sell', [['999999.99999999', '0.12345678']]);
  await tab.place({ side: 'buy', amount: '0.00000001', price: '999999.99999999' });
  await tab.waitForLevels('sell', [['999999.99999999', '0.12345677']]);
  await tab.says('#last-price', '999,999.99999999');
  tab.assertQuiet();
});

test('a level of the book fills the form', async () => {
  await node.ask('sell', '0.5', '60100');
  await node.ask('sell', '0.25', '60200');
  const tab = await open();
  await tab.waitForLevels('sell', [['60100', '0.5'], ['60200', '0.25']]);
  await tab.page.getByRole('button', { name: '60,200' }).click();
  assert.equal(await tab.page.getByLabel('Price', { exact: true }).inputValue(), '60200');
  assert.equal(await tab.page.getByLabel('Amount', { exact: true }).inputValue(), '0.75');
  assert.ok(await tab.page.getByRole('radio', { name: 'Buy' }).isChecked());
  await tab.says('#total', '45,150 USD');
  tab.assertQuiet();
});
