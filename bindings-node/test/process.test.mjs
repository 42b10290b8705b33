import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { script } from './helpers.mjs';

const PREFIX = `
  import { ExchangeClient } from 'meshbook';
  import { OrderBook } from 'meshbook/orderbook';
  const make = (options) => new ExchangeClient({ p2p: { port: 0, host: '127.0.0.1', enableMDNS: false, enableGrenache: false, useWellKnownNodes: false }, ...options });
`;

/** The time from the line \`over\` to the end of the process. */
async function exit(text, env) {
  const run = script(PREFIX + text, { env });
  let over;
  run.child.stdout.on('data', (data) => {
    if (over === undefined && String(data).includes('over')) over = performance.now();
  });
  const { code, signal, errors, at } = await run.ended;
  assert.deepEqual([code, signal, errors], [0, null, '']);
  assert.ok(over !== undefined, 'it comes to the end of its script');
  return at - over;
}

for (const [what, text] of [
  ['after destroy()', "const c = make(); await c.initialize(); await c.placeBuyOrder('1', '1'); await c.destroy(); console.log('over');"],
  ['without destroy()', "const c = make(); await c.initialize(); await c.placeBuyOrder('1', '1'); console.log('over');"],
  ['without initialize()', "make(); console.log('over');"],
  ['with listeners', "const c = make(); c.on('trade', () => {}); await c.initialize(); await c.placeBuyOrder('1', '1'); console.log('over');"],
  ['with discovery', "const c = make({ p2p: { port: 0, useWellKnownNodes: false } }); await c.initialize(); console.log('over');"],
  ['after unref()', "const c = make(); await c.initialize(); c.ref().unref(); console.log('over');"],
  ['after an iteration', "const c = make(); await c.initialize(); await c.placeBuyOrder('1', '1'); for await (const e of c.events()) break; console.log('over');".replace('break', "{ break; }").replace("await c.placeBuyOrder('1', '1'); for", "setTimeout(() => c.placeBuyOrder('1', '1'), 1); for")],
  ['while an order is on its way', "const c = make(); await c.initialize(); c.placeBuyOrder('1', '1').then(() => console.log('over'));"],
  ['from process.exit()', "const c = make(); c.on('order', () => {}); await c.initialize(); c.placeBuyOrder('1', '1'); console.log('over'); process.exit(0);"],
]) {
  test(`a process ends by itself within a second ${what}`, async () => {
    const took = await exit(text);
    assert.ok(took < 1000, `${took} ms`);
  });
}

test('a process goes on while somebody waits for events, and after ref()', async () => {
  const run = script(`${PREFIX}
    const c = make();
    await c.initialize();
    const events = c.events();
    const next = events.next();
    process.stdin.once('data', () => { process.stdin.unref(); console.log('still here'); c.placeBuyOrder('1', '1'); }).unref?.();
    await next;
    console.log('came');
    c.ref();
    setTimeout(() => c.destroy().then(() => console.log('over')), 50).unref();
  `);
  run.send('go');
  assert.deepEqual([await run.line(), await run.line(), await run.line()], ['still here', 'came', 'over']);
  assert.equal((await run.ended).code, 0);
});

test('a worker may own a client, and end with it or without it', async () => {
  const text = `${PREFIX}
    import { Worker, isMainThread, parentPort } from 'node:worker_threads';
    const source = ${JSON.stringify(PREFIX)} + \`
      import { parentPort, workerData } from 'node:worker_threads';
      const c = make(); c.on('order', () => {});
      await c.initialize();
      const { success } = await c.placeBuyOrder('1', '1');
      const { trades } = await new OrderBook().addOrder({ userId: 'bob', side: 'buy', amount: '1', price: '1' });
      if (workerData === 'destroy') await c.destroy();
      parentPort.postMessage([success, trades.length]);
      if (workerData === 'terminate') setInterval(() => c.placeBuyOrder('1', '1'), 1);
    \`;
    const url = new URL('data:text/javascript,' + encodeURIComponent(source));
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(['destroy', 'leave', 'terminate'].map((workerData) => new Promise((resolve, reject) => {
        const worker = new Worker(url, { workerData });
        worker.once('error', reject);
        worker.once('exit', resolve);
        worker.once('message', (message) => {
          console.log(workerData, JSON.stringify(message));
          if (workerData === 'terminate') setTimeout(() => worker.terminate(), 20);
        });
      })));
    }
    const here = make();
    await here.initialize();
    console.log((await here.placeBuyOrder('1', '1')).success);
    await here.destroy();
    console.log('over');`;
  // A data: module resolves nothing by name.
  const { code, signal, lines, errors } = await script(text).ended;
  assert.deepEqual([code, signal, errors], [0, null, '']);
  assert.deepEqual(lines.slice(0, -2).sort(), ['destroy', 'leave', 'terminate'].flatMap((name) => Array(3).fill(`${name} [true,0]`)));
  assert.deepEqual(lines.slice(-2), ['true', 'over']);
});

const { native } = createRequire(import.meta.url)('../dist/native.js');

test('a fault in Rust is a thrown error or a rejection, and never ends the process', { skip: !native.hasFaultSwitch() && 'a release has no switch for faults' }, async () => {
  const cases = {
    constructor: "try { make(); } catch (error) { console.log('thrown', error instanceof Error, error.message); }",
    initialize: "await make().initialize().catch((error) => console.log('rejected', error instanceof Error, error.message));",
    place: "const c = make(); await c.initialize(); await c.placeOrder({ side: 'buy', amount: '1', price: '1' }).catch((error) => console.log('rejected', error instanceof Error, error.message)); console.log((await c.placeBuyOrder('1', '1')).success);",
    cancel: "const c = make(); await c.initialize(); try { c.cancelOrder('x'); } catch (error) { console.log('thrown', error instanceof Error, error.message); }",
    getOrderBook: "const c = make(); await c.initialize(); try { c.getOrderBook(); } catch (error) { console.log('thrown', error instanceof Error, error.message); }",
    addOrder: "await new OrderBook().addOrder({ userId: 'bob', side: 'buy', amount: '1', price: '1' }).catch((error) => console.log('rejected', error instanceof Error, error.message));",
  };
  for (const [place, text] of Object.entries(cases)) {
    const { code, signal, lines, errors } = await script(`${PREFIX}${text}; console.log('over');`, { env: { MESHBOOK_FAULT: place } }).ended;
    assert.deepEqual([code, signal], [0, null], `${place}: ${errors}`);
    assert.match(lines[0] ?? '', new RegExp(`^(thrown|rejected) true .*a fault in ${place}`), place);
    assert.equal(lines.at(-1), 'over');
    if (place === 'place') assert.equal(lines[1], 'false');
  }
});

test('a hundred clients come and go, and leave no thread, descriptor or memory behind', { skip: process.platform !== 'linux' && 'counts what Linux shows in /proc' }, async () => {
  const text = `${PREFIX}
    import { readdirSync, readFileSync } from 'node:fs';
    const round = async () => {
      const one = make(); one.on('peer:connected', () => {});
      await one.initialize();
      const two = make({ p2p: { port: 0, host: '127.0.0.1', enableMDNS: false, enableGrenache: false, useWellKnownNodes: false, bootstrapPeers: ['127.0.0.1:' + one.getP2PStats().directConnection.port] } });
      await two.initialize();
      await two.placeBuyOrder('1', '1');
      await Promise.all([one.destroy(), two.destroy()]);
    };
    const settle = async () => { for (let i = 0; i < 5; i += 1) { gc(); await new Promise((resolve) => setImmediate(resolve)); } };
    const count = () => ({ threads: readdirSync('/proc/self/task').length, files: readdirSync('/proc/self/fd').length });
    const memory = () => Number(/Rss: +(\\d+)/.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))[1]) / 1024;
    for (let i = 0; i < 100; i += 1) await round();
    await settle();
    const before = { ...count(), memory: memory() };
    for (let i = 0; i < 100; i += 1) await round();
    // Threads that wait for more work to block on are ended by tokio after ten seconds.
    const end = Date.now() + 30000;
    let after;
    do { await settle(); after = { ...count(), memory: memory() }; if (after.threads > before.threads || after.files > before.files) await new Promise((resolve) => setTimeout(resolve, 100)); }
    while (Date.now() < end && (after.threads > before.threads || after.files > before.files));
    console.log(JSON.stringify([before, after]));`;
  const { code, lines, errors } = await script(text, { args: ['--expose-gc'] }).ended;
  assert.equal(code, 0, errors);
  const [before, after] = JSON.parse(lines[0]);
  assert.ok(after.threads <= before.threads && after.files <= before.files, lines[0]);
  assert.ok(after.memory - before.memory < 5, lines[0]);
});
