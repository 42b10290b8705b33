// Pictures of a market at both widths and in both schemes, in `artifacts`, for people to look at.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { Tab, openBrowser } from './support/browser.mjs';
import { NativeNode } from './support/node.mjs';

const folder = fileURLToPath(new URL('../artifacts/', import.meta.url));
let browser;
let node;

before(async () => {
  await mkdir(folder, { recursive: true });
  [browser, node] = await Promise.all([openBrowser(), NativeNode.start()]);
  // A market that went up and down for long enough to be some candles.
  let middle = 60000;
  const end = Date.now() + 12_000;
  for (let step = 0; step < 40 || Date.now() < end; step += 1) {
    middle += Math.round(Math.sin(step / 4) * 9) + ((step * 7) % 5) - 2;
    const amount = `0.${String(10 + ((step * 37) % 89))}`;
    const sides = step % 3 === 0 ? ['buy', 'sell'] : ['sell', 'buy'];
    for (const side of sides) await node.ask(side, amount, String(middle));
    if (step >= 40) continue;
    await node.ask('sell', `1.${(step * 13) % 97}`, String(middle + 12 + ((step * 11) % 40)));
    await node.ask('buy', `1.${(step * 17) % 97}`, String(middle - 12 - ((step * 7) % 40)));
  }
});
after(async () => {
  await browser.close();
  await node.end();
});

for (const colorScheme of ['light', 'dark']) {
  for (const [width, height] of [[360, 740], [1440, 900]]) {
    test(`the page at ${width} px in the ${colorScheme} scheme fits its width`, async () => {
      const tab = await Tab.open(browser, node.url, { colorScheme, viewport: { width, height } });
      const { page } = tab;
      await page.waitForSelector('#trades tr', { state: 'attached' });
      await tab.place({ side: 'buy', amount: '0.5', price: '59950' });
      await page.waitForSelector('#open-orders tr', { state: 'attached' });
      await page.waitForSelector('#trade-chart canvas', { state: 'attached' });
      const views = width < 700 ? ['Trade', 'Chart', 'Orders'] : [''];
      for (const view of views) {
        if (view) await page.getByRole('button', { name: view, exact: true }).click();
        await page.evaluate(() => new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve), 300)));
        const name = ['page', width, colorScheme, view.toLowerCase()].filter(Boolean).join('-');
        await page.screenshot({ path: `${folder}${name}.png` });
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, `${view} fits`);
      }
      tab.assertQuiet();
      await tab.context.close();
    });
  }
}
