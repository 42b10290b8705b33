import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { Tab, openBrowser } from './support/browser.mjs';
import { NativeNode, until } from './support/node.mjs';

let browser;
let node;
let tabs = [];
const open = async (options, url = node.url) => {
  const tab = await Tab.open(browser, url, options);
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

test('a reload keeps who the tab is and its open orders', async () => {
  const tab = await open();
  await tab.place({ side: 'buy', amount: '0.5', price: '59000' });
  const id = await tab.page.locator('#node-id').getAttribute('title');
  assert.match(id, /^[0-9a-f]{64}$/);
  await tab.page.reload();
  await tab.connected();
  assert.equal(await tab.page.locator('#node-id').getAttribute('title'), id);
  await tab.says('#open-orders', '59,000');
  await tab.waitForLevels('buy', [['59000', '0.5']]);
  await until('the order at the native node', async () => (await node.ask('book')).bids[0]?.amount === '0.5');
  tab.assertQuiet();
});

test('a killed node is survived, and what happened meanwhile reaches it when it is back', async () => {
  const tab = await open();
  await tab.place({ side: 'buy', amount: '0.5', price: '59000' });
  await node.kill();
  await tab.says('#connection', /reconnecting/);
  await tab.tab(/Peers/);
  await tab.page.waitForFunction(() => !document.querySelector('.peer-state[data-state=connected]'));

  // The tab is a node: it goes on alone.
  assert.match(await tab.place({ side: 'buy', amount: '0.25', price: '58000' }), /open/);
  node = await node.again();
  await tab.connected();
  await until('both orders at the native node', async () => (await node.ask('book')).bids.length === 2);
  tab.assertQuiet({ lonely: true });
});

test('two tabs whose only node is killed go on by another one that they have heard of', async () => {
  const other = await NativeNode.start({ bootstrap: node.address });
  try {
    const [alice, bob] = [await open(), await open()];
    for (const tab of [alice, bob]) {
      await tab.tab(/Peers/);
      await tab.says('#peers', other.address);
    }
    await node.kill();
    for (const tab of [alice, bob]) {
      await tab.says('#connection', 'Connected');
      await tab.page.waitForFunction(
        (address) => [...document.querySelectorAll('#peers tr')].some((row) =>
          row.textContent.includes(address) && row.querySelector('[data-state=connected]')),
        other.address,
      );
    }
    await alice.place({ side: 'sell', amount: '1', price: '60000' });
    await bob.waitForLevels('sell', [['60000', '1']]);
    assert.equal(await bob.place({ side: 'buy', amount: '1', price: '60000' }), 'Buy 1 BTC: filled.');
    for (const tab of [alice, bob]) tab.assertQuiet({ lonely: true });
  } finally {
    await other.end();
  }
});

test('a tab without a peer on a device without a network says that it is offline', async () => {
  const tab = await open();
  await tab.context.setOffline(true);
  await node.kill();
  await tab.says('#connection', 'Offline: this device has no network');
  await tab.context.setOffline(false);
  node = await node.again();
  await tab.connected();
  tab.assertQuiet({ lonely: true });
});

test('a second tab with the same key is refused in words, and helped on', async () => {
  const first = await open();
  await first.place({ side: 'buy', amount: '0.5', price: '59000' });
  const id = await first.page.locator('#node-id').getAttribute('title');
  const second = await open({ context: first.context, ready: false });
  await second.says('#blocked', 'Another tab is this node');
  await second.says('#connection', 'In use in another tab');
  assert.equal(await second.page.locator('#main').evaluate((main) => main.inert), true);
  // The first one goes on untouched.
  await first.says('#connection', 'Connected');

  await second.page.getByRole('link', { name: 'Open another node in this tab' }).click();
  await second.connected();
  assert.notEqual(await second.page.locator('#node-id').getAttribute('title'), id);
  await second.waitForLevels('buy', [['59000', '0.5']]);

  const third = await open({ context: first.context, ready: false });
  await third.says('#blocked', 'Another tab is this node');
  await first.page.close();
  await third.page.getByRole('button', { name: 'Try again' }).click();
  await third.connected();
  assert.equal(await third.page.locator('#node-id').getAttribute('title'), id);
  for (const tab of [first, second, third]) tab.assertQuiet();
});

test('a tab whom nobody answers says so, and takes a peer that is added', async () => {
  const other = await NativeNode.start();
  await other.ask('sell', '1', '60000');
  const address = node.address;
  // Nobody listens at this port: a node just left it.
  const gone = await NativeNode.start();
  await gone.end();
  const tab = await open({ ready: false }, `http://${address}/?peers=${gone.address}`);
  await tab.page.getByRole('button', { name: 'Use these nodes' }).click();
  await tab.says('#connection', /No peer answers/);
  await tab.tab(/Peers/);

  const field = tab.page.getByLabel('Add a peer');
  for (const [text, fault] of [['', /Enter an address/], ['ws://127.0.0.1:1', /scheme/], ['host', /host:port/], ['host:70000', /1 to 65535/]]) {
    await field.fill(text);
    await tab.page.getByRole('button', { name: 'Add', exact: true }).click();
    await tab.says('#peer-error', fault);
    assert.equal(await field.getAttribute('aria-invalid'), 'true');
  }
  await field.fill(other.address);
  await tab.page.getByRole('button', { name: 'Add', exact: true }).click();
  await tab.connected();
  await tab.waitForLevels('sell', [['60000', '1']]);
  await tab.says('#peers', other.address);
  await tab.page.waitForFunction(() => /\d ms/.test(document.querySelector('#peers .latency')?.textContent ?? ''));
  tab.assertQuiet({ lonely: true });
  await other.end();
});

test('the key is shown only when asked for, and forgotten after', async () => {
  const tab = await open();
  await tab.tab('Node');
  await tab.page.getByRole('button', { name: 'Export the key' }).click();
  const field = tab.page.getByLabel('Key', { exact: true });
  assert.match(await field.inputValue(), /^[0-9a-f]{64}$/);
  assert.equal(await field.getAttribute('type'), 'password');
  await tab.page.getByRole('button', { name: 'Show' }).click();
  assert.equal(await field.getAttribute('type'), 'text');
  await tab.page.getByRole('button', { name: 'Close' }).click();
  await tab.page.waitForFunction(() => document.getElementById('key-text').value === '');
  tab.assertQuiet();
});
