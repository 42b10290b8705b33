// What the tests have in common: a browser, a server of files, and native nodes.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));
const TARGET = process.env.CARGO_TARGET_DIR ?? join(FOLDER, '../target');
const COMMAND = process.env.MESHBOOK_BIN ?? join(TARGET, 'debug/meshbook');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Serves the files of a folder, which is the package's, and an empty page at `/`. */
export async function serve(folder = FOLDER) {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url, 'http://here').pathname);
    try {
      const body = path === '/' ? '<!doctype html><title>test</title><link rel="icon" href="data:,">' : await readFile(join(folder, path));
      response.setHeader('Content-Type', TYPES[path === '/' ? '.html' : extname(path)] ?? 'text/plain');
      response.end(body);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => new Promise((done) => server.close(done)) };
}

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
}

/** A native node in a process of its own. */
export async function startNode(settings = {}) {
  const folder = settings.folder ?? (await mkdtemp(join(tmpdir(), 'meshbook-web-')));
  const env = {
    PATH: process.env.PATH,
    P2P_HOST: '127.0.0.1',
    P2P_PORT: '0',
    METRICS_PORT: '0',
    DISCOVERY_MDNS: 'false',
    DISCOVERY_GRENACHE: 'false',
    USE_WELL_KNOWN_NODES: 'false',
    LOG_LEVEL: 'warn',
    ...settings.env,
  };
  const child = spawn(COMMAND, ['run', '--json', '--data-dir', folder], { env, cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await Promise.race([
    new Promise((resolve) => createInterface({ input: child.stdout }).once('line', (text) => resolve([text]))),
    new Promise((_, reject) => child.once('exit', (code) => reject(new Error(`the node ended with ${code}`)))),
  ]);
  const ready = JSON.parse(line);
  const control = JSON.parse(await readFile(join(folder, 'control.json')));
  const ask = async (path, init = {}) => {
    const headers = { Authorization: `Bearer ${control.token}`, 'Content-Type': 'application/json' };
    const answer = await fetch(`http://${control.address}/v1/${path}`, { ...init, headers });
    const body = await answer.json();
    if (body.error) throw new Error(JSON.stringify(body.error));
    return body;
  };
  return {
    id: ready.nodeId,
    address: ready.p2pAddress,
    folder,
    book: () => ask('book'),
    trades: () => ask('trades'),
    place: (side, amount, price) => ask('orders', { method: 'POST', body: JSON.stringify({ side, amount, price }) }),
    /** As `kill -9` does. */
    kill: () => new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill('SIGKILL');
    }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Asks until the answer holds; its last answer is in the error. */
export async function eventually(what, ask, holds = Boolean) {
  const late = Date.now() + 30_000;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    if (Date.now() > late) throw new Error(`never: ${what}; at last ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
