import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import axe from 'axe-core';
import { Tab, openBrowser } from './support/browser.mjs';
import { NativeNode } from './support/node.mjs';

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
beforeEach(async () => {
  node = await NativeNode.start();
  await node.ask('sell', '0.5', '60100');
  await node.ask('sell', '0.25', '60200');
  await node.ask('buy', '0.4', '59900');
});
afterEach(async () => {
  for (const tab of tabs.splice(0)) await tab.context.close();
  await node.end();
});

/** What axe holds to be serious, in one line each. */
async function serious({ page }) {
  await page.evaluate(axe.source);
  const { violations, passes } = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  assert.ok(passes.length > 20, 'axe has looked at the page');
  const bad = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return bad.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

for (const colorScheme of ['light', 'dark']) {
  for (const width of [360, 1440]) {
    test(`axe finds nothing serious at ${width} px in the ${colorScheme} scheme`, async () => {
      const tab = await open({ colorScheme, viewport: { width, height: 800 } });
      const { page } = tab;
      await tab.waitForLevels('buy', [['59900', '0.4']]);
      await tab.place({ side: 'buy', amount: '0.6', price: '60100' });
      await page.getByLabel('Price', { exact: true }).fill('1,5');
      await page.locator('#submit').click();
      assert.deepEqual(await serious(tab), []);
      await page.getByRole('radio', { name: 'Sell' }).check();
      for (const view of width < 700 ? ['Chart', 'Orders'] : []) {
        await page.getByRole('button', { name: view, exact: true }).click();
        assert.deepEqual(await serious(tab), [], view);
      }
      for (const name of [/^Open/, 'History', 'Fills', /^Peers/, 'Node']) {
        await tab.tab(name);
        assert.deepEqual(await serious(tab), [], String(name));
      }
      await page.getByRole('button', { name: 'Export the key' }).click();
      assert.deepEqual(await serious(tab), [], 'dialog');
      tab.assertQuiet();
    });
  }
}

test('axe finds nothing serious where another tab is the node', async () => {
  const first = await open();
  const second = await open({ context: first.context, ready: false });
  await second.says('#blocked', 'Another tab is this node');
  assert.deepEqual(await serious(second), []);
});

test('an order is placed and cancelled by the keyboard alone', async () => {
  const tab = await open();
  const { page } = tab;
  await tab.waitForLevels('buy', [['59900', '0.4']]);
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent?.trim());
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await press('Tab', 'Enter'); // the link that skips to the form
  await press('Tab', 'ArrowRight'); // the side
  assert.ok(await page.getByRole('radio', { name: 'Sell' }).isChecked());
  await press('Tab', 'Tab');
  assert.equal(await focused(), 'price');
  await page.keyboard.type('60300');
  await press('Tab');
  await page.keyboard.type('0.125');
  await press('Enter');
  await tab.says('#form-result', 'Sell 0.125 BTC at 60,300: 0.125 open.');
  assert.equal(await focused(), 'amount');
  await tab.waitForLevels('sell', [['60100', '0.5'], ['60200', '0.25'], ['60300', '0.125']]);

  // Back from the form to the book, by its one stop.
  for (let at = 0; at < 20 && !(await page.evaluate(() => document.activeElement?.closest('#ladder'))); at += 1) {
    await press('Shift+Tab');
  }
  await press('Home', 'ArrowDown');
  assert.equal(await focused(), '60,200');
  await press('Enter');
  assert.equal(await focused(), 'amount');
  assert.equal(await page.getByLabel('Price', { exact: true }).inputValue(), '60200');

  await page.locator('#tab-open').focus();
  await press('ArrowRight', 'ArrowLeft');
  assert.equal(await focused(), 'tab-open');
  for (let at = 0; at < 5 && (await focused()) !== 'Cancel'; at += 1) await press('Tab');
  await press('Enter');
  await tab.says('#open-empty', 'No open orders');
  assert.equal(await focused(), 'panel-open', 'the focus is not lost with the button');
  tab.assertQuiet();
});

test('the focus stays in the book when its level goes', async () => {
  const tab = await open();
  await tab.waitForLevels('sell', [['60100', '0.5'], ['60200', '0.25']]);
  await tab.page.getByRole('button', { name: '60,200' }).focus();
  await node.ask('buy', '0.75', '60200');
  await tab.waitForLevels('sell', []);
  await tab.page.waitForFunction(() => document.activeElement?.textContent === '59,900');
  tab.assertQuiet();
});

test('what is wrong is said at its field, and the first such field has the focus', async () => {
  const tab = await open();
  const { page } = tab;
  const faults = [
    ['price', '', /Enter a price/],
    ['price', 'abc', /in digits/],
    ['price', '1,5', /after a point/],
    ['price', '0', /more than 0/],
    ['price', '-1', /more than 0/],
    ['price', '1e5', /in digits/],
    ['price', '0.123456789', /8 digits/],
    ['price', '1000000.01', /1000000 at most/],
    ['amount', '', /Enter an amount/],
    ['amount', '2000000', /1000000 at most/],
  ];
  for (const [field, text, message] of faults) {
    await page.getByLabel('Price', { exact: true }).fill(field === 'price' ? text : '60000');
    await page.getByLabel('Amount', { exact: true }).fill(field === 'amount' ? text : '1');
    await page.locator('#submit').click();
    const input = page.locator(`#${field}`);
    await tab.says(`#${field}-error`, message);
    assert.equal(await input.getAttribute('aria-invalid'), 'true');
    assert.equal(await input.getAttribute('aria-describedby'), `${field}-error`);
    assert.ok(await input.evaluate((element) => element === document.activeElement));
  }
  assert.deepEqual(await tab.openOrders(), []);
  await page.getByLabel('Amount', { exact: true }).fill('0.5');
  assert.equal(await page.locator('#amount').getAttribute('aria-invalid'), null, 'it goes as soon as it is right');
  tab.assertQuiet();
});

test('the scheme follows the system until one is chosen, which a reload keeps', async () => {
  const tab = await open({ colorScheme: 'dark' });
  const { page } = tab;
  const lightness = () => page.evaluate(() => Number(/\d+/.exec(getComputedStyle(document.querySelector('.top')).backgroundColor)[0]));
  assert.ok((await lightness()) < 60);
  await page.emulateMedia({ colorScheme: 'light' });
  assert.ok((await lightness()) > 200);
  await page.getByLabel('Colour scheme').selectOption('dark');
  assert.ok((await lightness()) < 60);
  await page.reload();
  await tab.connected();
  assert.ok((await lightness()) < 60);
  tab.assertQuiet();
});
