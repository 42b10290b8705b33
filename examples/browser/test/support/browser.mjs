// Tabs of a real browser, with the hands of a person in them.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
/** Nothing takes longer, but on a machine that is very busy. */
export const PATIENCE = 30_000;

/** Debian's Chromium, or the one that CHROMIUM names. */
export function openBrowser(flags = []) {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: [...FLAGS, ...flags] });
}

/** What a browser says by itself of a peer that is gone; no script can keep it from that. */
const GONE = /^WebSocket connection to .* failed/;

export class Tab {
  /** Opens the page of a node. Without a `context` the tab shares nothing with any other. */
  static async open(browser, url, { context, ready = true, ...options } = {}) {
    const tab = new Tab();
    tab.context = context ?? (await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options }));
    tab.page = await tab.context.newPage();
    tab.page.setDefaultTimeout(PATIENCE);
    tab.faults = [];
    tab.page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) tab.faults.push(message.text());
    });
    tab.page.on('pageerror', (error) => tab.faults.push(String(error)));
    await tab.page.goto(url);
    if (ready) await tab.connected();
    return tab;
  }

  /** No error and no warning is in the console; `lonely` tabs may miss a peer. */
  assertQuiet({ lonely = false } = {}) {
    const faults = this.faults.filter((fault) => !(lonely && GONE.test(fault)));
    assert.deepEqual(faults, []);
  }

  async connected() {
    await this.page.waitForSelector('#connection[data-state=connected]');
  }

  async says(selector, text) {
    await this.page.locator(selector).filter({ hasText: text }).first().waitFor();
  }

  /** Places an order as a person does. */
  async place({ side, price, amount, type = 'limit', timeInForce }) {
    const { page } = this;
    await page.getByRole('radio', { name: side === 'buy' ? 'Buy' : 'Sell', exact: true }).check();
    await page.getByRole('radio', { name: type === 'limit' ? 'Limit' : 'Market', exact: true }).check();
    if (type === 'limit') await page.getByLabel('Price', { exact: true }).fill(price);
    await page.getByLabel('Amount', { exact: true }).fill(amount);
    if (timeInForce) await page.getByLabel('Time in force').selectOption(timeInForce);
    await page.locator('#form-result, #form-error').evaluateAll((all) => all.forEach((one) => (one.textContent = '')));
    await page.locator('#submit').click();
    const said = page.locator('#form-result:not(:empty), #form-error:not(:empty)').first();
    return await said.innerText();
  }

  /** The levels of a side as they are drawn, best first: [price, amount]. */
  async levels(side) {
    const rows = await this.page.locator(`#ladder .row.${side}:not(.void)`).evaluateAll((all) =>
      all.map((row) => [...row.querySelectorAll('button, [role=gridcell]')].map((cell) => cell.textContent)));
    const levels = rows.map(([, price, amount]) => [plain(price), plain(amount)]);
    return side === 'sell' ? levels.reverse() : levels;
  }

  async waitForLevels(side, wanted) {
    await this.page.waitForFunction(
      ([side, wanted]) => {
        const rows = [...document.querySelectorAll(`#ladder .row.${side}:not(.void)`)];
        const plain = (text) => {
          const bare = text.replaceAll(',', '');
          return bare.includes('.') ? bare.replace(/\.?0+$/, '') : bare;
        };
        const seen = rows.map((row) => [...row.querySelectorAll('[role=gridcell]')].slice(0, 2).map((cell) => plain(cell.textContent)));
        if (side === 'sell') seen.reverse();
        return JSON.stringify(seen) === JSON.stringify(wanted);
      },
      [side, wanted],
    );
  }

  async openOrders() {
    return await this.rows('#open-orders');
  }

  async rows(body) {
    return await this.page.locator(`${body} tr`).evaluateAll((all) =>
      all.map((row) => [...row.cells].map((cell) => cell.textContent)));
  }

  async tab(name) {
    await this.page.getByRole('tab', { name }).click();
  }
}

/** `60,100.50` as `60100.5`. */
function plain(text) {
  const bare = text.replaceAll(',', '');
  return bare.includes('.') ? bare.replace(/\.?0+$/, '') : bare;
}
