// Where the page comes from: by plain http from another machine, or through a proxy for TLS.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Tab, openBrowser } from './support/browser.mjs';
import { NativeNode } from './support/node.mjs';

let node;
let cleanUp;

beforeEach(async () => {
  node = await NativeNode.start();
  await node.ask('sell', '1', '60000');
  cleanUp = [() => node.end()];
});
afterEach(async () => {
  for (const step of cleanUp.reverse()) await step();
});

/** A browser to which this name is another machine. */
async function browserThatFinds(name, address) {
  const browser = await openBrowser([`--host-resolver-rules=MAP ${name} ${address}`]);
  cleanUp.push(() => browser.close());
  return browser;
}

test('a page from another machine by plain http is a node, one tab at a time', async () => {
  const browser = await browserThatFinds('far.test', '127.0.0.1');
  const url = `http://far.test:${node.address.split(':')[1]}/`;
  const tab = await Tab.open(browser, url);
  const lacks = await tab.page.evaluate(() => [isSecureContext, typeof crypto.randomUUID, typeof navigator.locks]);
  assert.deepEqual(lacks, [false, 'undefined', 'undefined']);
  await tab.waitForLevels('sell', [['60000', '1']]);
  assert.equal(await tab.place({ side: 'buy', amount: '0.25', price: '60000' }), 'Buy 0.25 BTC: filled.');
  const id = await tab.page.locator('#node-id').getAttribute('title');

  const second = await Tab.open(browser, url, { context: tab.context, ready: false });
  await second.says('#blocked', 'Another tab is this node');
  await second.page.getByRole('link', { name: 'Open another node in this tab' }).click();
  await second.connected();
  assert.notEqual(await second.page.locator('#node-id').getAttribute('title'), id);
  await tab.says('#connection', 'Connected');

  await tab.page.reload();
  await tab.connected();
  assert.equal(await tab.page.locator('#node-id').getAttribute('title'), id);
  for (const one of [tab, second]) one.assertQuiet();
});

/** Passes what comes by TLS below `/mesh/` on to the node. */
async function proxy(folder) {
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
  const subject = ['-subj', '/CN=near.test', '-addext', 'subjectAltName=DNS:near.test', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const [host, port] = node.address.split(':');
  const inside = (url) => url.replace(/^\/mesh\//, '/');
  const server = createServer({ key: await readFile(key), cert: await readFile(cert) }, (asked, answer) => {
    const { method, headers, url } = asked;
    if (!url.startsWith('/mesh/')) return answer.writeHead(404).end();
    const passed = request({ host, port, method, path: inside(url), headers: { ...headers, host: node.address } }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  });
  server.on('upgrade', ({ url, rawHeaders }, socket) => {
    if (!url.startsWith('/mesh/')) return socket.destroy();
    const lines = [];
    for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
    const upstream = connect(Number(port), host, () => upstream.write(`GET ${inside(url)} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`));
    socket.pipe(upstream).pipe(socket);
    for (const end of [socket, upstream]) end.on('error', () => {}).on('close', () => [socket, upstream].forEach((one) => one.destroy()));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp.push(() => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  }));
  return server.address().port;
}

test('a page behind a proxy for TLS dials the proxy, by its default port and below its path', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-tls-'));
  cleanUp.push(() => rm(folder, { recursive: true, force: true }));
  const port = await proxy(folder);
  const browser = await browserThatFinds('near.test:443', `127.0.0.1:${port}`);
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const sockets = [];
  page.on('websocket', (socket) => sockets.push(socket.url()));
  await page.goto('https://near.test/mesh/');
  await page.waitForSelector('#connection[data-state=connected]', { timeout: 30_000 });
  assert.deepEqual(new Set(sockets), new Set(['wss://near.test/mesh/']));
  await page.waitForFunction(() => document.querySelector('#ladder')?.textContent.includes('60,000'));
});
