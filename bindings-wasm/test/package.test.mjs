// The package as npm would publish it, in an application of Vite and in a page without any tool.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build, createServer } from 'vite';
import { eventually, launch, serve, startNode } from './browser.mjs';

const run = promisify(execFile);
const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** Buys half of the first order that it sees, and shows what came of it. */
const trader = (from) => `
  import { ExchangeClient } from '${from}';
  const peer = new URLSearchParams(location.search).get('peer');
  const client = new ExchangeClient({ peers: [peer], name: null });
  const events = client.events();
  await client.initialize();
  for await (const event of events) if (event.type === 'book' && event.ask === '100') break;
  const { success, trades } = await client.placeBuyOrder('0.5', '101');
  const bought = trades.map(({ amount, price }) => amount + ' at ' + price);
  document.body.textContent = success + ': ' + bought;
`;
const page = (script) => `<!doctype html><title>trader</title><link rel="icon" href="data:,"><body>${script}`;

let browser;
let folder;

/** An application that has installed the packed package, and nothing of this repository. */
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshbook-web-package-'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: PACKAGE });
  const [{ filename, files }] = JSON.parse(stdout);
  const outside = files.map(({ path }) => path).filter((path) => !/^(dist|pkg)\/|^(package\.json|README\.md|LICENSE.*)$/.test(path));
  assert.deepEqual(outside, []);
  const application = { private: true, type: 'module', dependencies: { 'meshbook-web': `file:${filename}` } };
  await writeFile(join(folder, 'package.json'), JSON.stringify(application));
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: folder });
  await writeFile(join(folder, 'main.js'), trader('meshbook-web'));
  await writeFile(join(folder, 'index.html'), page('<script type="module" src="/main.js"></script>'));
  await writeFile(join(folder, 'plain.html'), page(`<script type="module">${trader('/node_modules/meshbook-web/dist/meshbook.js')}</script>`));
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

/** The page buys from a native node, and both know of it. */
async function trades(url) {
  const node = await startNode();
  const tab = await browser.newPage();
  const errors = [];
  tab.on('pageerror', (error) => errors.push(String(error)));
  try {
    await node.place('sell', '1', '100');
    await tab.goto(`${url}?peer=${node.address}`);
    await eventually('the trade', () => tab.evaluate(() => document.body.textContent), (text) => text === 'true: 0.5 at 100' || errors.length > 0);
    assert.deepEqual(errors, []);
    assert.equal((await node.book()).asks[0].amount, '0.5');
  } finally {
    await tab.close();
    await node.kill();
    await node.remove();
  }
}

/** What the README asks of applications of Vite. */
const config = () => ({ root: folder, configFile: false, logLevel: 'error', optimizeDeps: { exclude: ['meshbook-web'], include: ['meshbook-web > eventemitter3'] } });

test('an application that Vite has built trades with a native node', async () => {
  await build({ ...config(), build: { target: 'es2022' } });
  const server = await serve(join(folder, 'dist'));
  try {
    assert.match(await readFile(join(folder, 'dist/index.html'), 'utf8'), /assets\/index-/);
    await trades(`${server.url}index.html`);
  } finally {
    await server.close();
  }
});

test('an application trades from the server that Vite develops with', async () => {
  const server = await createServer({ ...config(), server: { host: '127.0.0.1', port: 0 } });
  try {
    await server.listen();
    await trades(server.resolvedUrls.local[0]);
  } finally {
    await server.close();
  }
});

test('a page without any tool takes the package by one script of type module', async () => {
  const server = await serve(folder);
  try {
    await trades(`${server.url}plain.html`);
  } finally {
    await server.close();
  }
});
