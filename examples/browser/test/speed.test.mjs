import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Tab, openBrowser } from './support/browser.mjs';
import { NativeNode, until } from './support/node.mjs';

const run = promisify(execFile);
const pump = fileURLToPath(new URL('support/pump.mjs', import.meta.url));
const UPDATES = 2000;
const SECONDS = 8;
const TRIES = 5;
// Figures need a machine that has nothing else to do, and a node that is built as a release is.
const skip = process.env.MESHBOOK_FIGURES ? false : 'a figure: cargo xtask bench page takes it';
let browser;
let node;

before(async () => {
  [browser, node] = await Promise.all([openBrowser(), NativeNode.start()]);
});
after(async () => {
  await browser.close();
  await node.end();
});

test(`the book stays live at ${UPDATES} updates a second, at 60 frames a second and without long tasks`, { skip }, async (t) => {
  const tab = await Tab.open(browser, node.url);
  await tab.page.waitForSelector('#trade-chart canvas');
  let quiet = 0;
  // What else runs can only make it worse: the best of some tries is what the page can do.
  for (let tries = 1; ; tries += 1) {
    const idle = [await idleShare()];
    const { rate, frames, drawn, tasks } = await measure(tab);
    idle.push(await idleShare());
    // On a machine that others keep busy the clock measures them: then what the page computes decides alone.
    const shared = Math.min(...idle) < 0.7;
    if (!shared) quiet += 1;
    const long = (time) => tasks.map((task) => task[time] ?? 0).filter((length) => length > 50_000).length;
    const busy = tasks.reduce((sum, { tdur = 0 }) => sum + tdur, 0) / (SECONDS * 1e6);
    t.diagnostic(`${rate} updates a second, ${frames} frames a second, the ladder changed in ${drawn} of them; ` +
      `tasks over 50 ms: ${long('dur')} by the clock, ${long('tdur')} of computing; the page's thread computes ` +
      `${Math.round(busy * 100)} % of the time${shared ? '; the machine is busy with other things' : ''}`);
    const smooth = frames >= 59 && drawn >= 30 && long('dur') === 0;
    if (rate >= UPDATES && smooth) break;
    const light = (busy * UPDATES) / Math.min(rate, UPDATES) < 0.6 && long('tdur') === 0 && drawn >= 10;
    if (quiet === 0 && tries === TRIES && light && rate >= UPDATES / 2) break;
    assert.ok(tries < TRIES, `not once in ${TRIES} tries`);
  }
  await until('the tab to show the book of the node', async () => {
    const { bids, asks } = await node.ask('book', '--depth', '5');
    const wanted = [bids, asks].map((side) => side.map(({ price, amount }) => [price, amount]));
    const seen = [await tab.levels('buy'), await tab.levels('sell')].map((side) => side.slice(0, 5));
    return JSON.stringify(seen) === JSON.stringify(wanted);
  });
  tab.assertQuiet();
});

/** Which part of a second the machine's processors had nothing to do. */
async function idleShare() {
  const sum = () => cpus().reduce(
    ({ idle, all }, { times }) => ({
      idle: idle + times.idle,
      all: all + Object.values(times).reduce((one, other) => one + other),
    }),
    { idle: 0, all: 0 },
  );
  const before = sum();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const after = sum();
  return (after.idle - before.idle) / (after.all - before.all);
}

/** One burst of orders and cancels, and how the page did meanwhile. */
async function measure({ page }) {
  const { address, token } = await node.control();
  const pumping = run(process.execPath, [pump, address, token, String(UPDATES * 1.06), String(SECONDS + 2)]);
  await page.waitForSelector('#ladder .row.buy:not(.void)');
  await browser.startTracing(page, { categories: ['devtools.timeline', 'disabled-by-default-devtools.timeline'] });
  const counts = await page.evaluate(frameCount, SECONDS);
  const tasks = mainThread(JSON.parse(await browser.stopTracing()));
  const { rate } = JSON.parse((await pumping).stdout);
  return { ...counts, rate, tasks };
}

test('the first screen is ready within a second, from a cold cache', async (t) => {
  const tab = await Tab.open(browser, node.url, { ready: false });
  const ready = await tab.page.evaluate(() => new Promise((resolve) => {
    const look = () => (document.querySelector('#connection[data-state=starting]') ? requestAnimationFrame(look) : resolve(performance.now()));
    look();
  }));
  t.diagnostic(`the node of the tab ran after ${Math.round(ready)} ms`);
  assert.ok(ready < 1000, `${ready} ms`);
});

/** Frames a second, and in how many of them the ladder's texts changed; in the page. */
function frameCount(seconds) {
  return new Promise((resolve) => {
    const counts = { frames: 0, drawn: 0 };
    let changed = false;
    const observer = new MutationObserver(() => (changed = true));
    observer.observe(document.getElementById('ladder'), { subtree: true, childList: true, characterData: true });
    const start = performance.now();
    const frame = (now) => {
      counts.frames += 1;
      if (changed) counts.drawn += 1;
      changed = false;
      if (now - start < seconds * 1000) return requestAnimationFrame(frame);
      const rate = (count) => Math.round(count / ((now - start) / 1000));
      resolve({ frames: rate(counts.frames), drawn: rate(counts.drawn) });
    };
    requestAnimationFrame(frame);
  });
}

/** The tasks of the page's main thread: `dur` is by the clock, `tdur` what it computed, in microseconds. */
function mainThread({ traceEvents }) {
  const main = traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain');
  const threads = main.map(({ pid, tid }) =>
    traceEvents.filter((event) => event.pid === pid && event.tid === tid && event.name === 'RunTask'));
  const busiest = threads.reduce((most, tasks) => (tasks.length > most.length ? tasks : most), []);
  assert.ok(busiest.length > 100 && busiest.some(({ tdur }) => tdur > 0), 'the trace has the tasks of the page');
  return busiest;
}
