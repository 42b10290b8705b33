// A link that names peers asks first: who makes the link would decide whom the tab trades with.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import axe from 'axe-core';
import { Tab, openBrowser } from './support/browser.mjs';
import { NativeNode } from './support/node.mjs';

let browser;
let node;
let other;
let tab;

before(async () => (browser = await openBrowser()));
after(() => browser.close());
beforeEach(async () => {
  [node, other] = await Promise.all([NativeNode.start(), NativeNode.start()]);
  await node.ask('sell', '1', '60000');
  await other.ask('sell', '2', '59000');
});
afterEach(async () => {
  await tab.context.close();
  await Promise.all([node.end(), other.end()]);
});

const follow = async (peers) => (tab = await Tab.open(browser, `${node.url}?peers=${peers}`, { ready: false }));
const question = () => tab.page.getByRole('alertdialog', { name: 'Trade with the nodes of this link only?' });

test('nothing is dialed before the user has agreed, and then what was named', async () => {
  await follow(`${other.address},127.0.0.1:1`);
  const sockets = [];
  tab.page.on('websocket', (socket) => sockets.push(socket.url()));
  await question().waitFor();
  await tab.says('#connection', 'Waiting for your answer');
  assert.deepEqual(await tab.page.locator('#ask-peers li').allTextContents(), [other.address, '127.0.0.1:1']);
  assert.equal(await tab.page.locator('#main').evaluate((main) => main.inert), true);
  await tab.page.evaluate(axe.source);
  const { violations } = await tab.page.evaluate(() => globalThis.axe.run(document));
  assert.deepEqual(violations.filter(({ impact }) => ['serious', 'critical'].includes(impact)).map(({ id }) => id), []);
  assert.deepEqual(sockets, []);

  await tab.page.getByRole('button', { name: 'Use these nodes' }).click();
  await tab.connected();
  await tab.waitForLevels('sell', [['59000', '2']]);
  assert.ok(sockets.every((url) => url !== `ws://${node.address}/`), `${sockets}`);
  // A reload of what was agreed to asks no more.
  await tab.page.reload();
  await tab.connected();
  await tab.page.goto(`${node.url}?peers=127.0.0.1:2`);
  await question().waitFor();
  tab.assertQuiet({ lonely: true });
});

test('the usual nodes are used if the user does not agree', async () => {
  await follow(other.address);
  await question().waitFor();
  await tab.page.keyboard.press('Enter');
  await tab.connected();
  await tab.waitForLevels('sell', [['60000', '1']]);
  tab.assertQuiet();
});

test('a link with an address that is none starts nothing and says so', async () => {
  await follow(encodeURIComponent(`${other.address},evil\u202e:1`));
  await tab.says('#blocked', /The link names "evil\\u202e:1" as a peer\. An address is host:port/);
  await tab.says('#connection', 'Not running');
});
