import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { ExchangeClient } from 'meshbook';

/** Far more than anything here takes; only a hang comes near it. */
export const PATIENCE = 30_000;

/** What a shell may have set is not what a test means. */
const VARIABLE = /^(EXCHANGE_|GRAPE_|P2P_|DISCOVERY_|DHT_|MAX_|PEER_|CIRCUIT_|METRICS_|MESHBOOK_)|^(BOOTSTRAP_PEERS|USE_WELL_KNOWN_NODES|NETWORK|USER_ID|EMBEDDED_GRAPE|ENABLE_RATE_LIMIT|ENABLE_METRICS|JOURNAL_SYNC|HISTORY_MB|HISTORY_DAYS|SELF_TRADE|LOG_LEVEL|LOG_FORMAT|CONTROL_ADDR)$/;
for (const name of Object.keys(process.env)) {
  if (VARIABLE.test(name)) delete process.env[name];
}

/** Options of a client that listens on a free port of this machine and knows nobody. */
export function quiet({ p2p, ...options } = {}) {
  const alone = { port: 0, host: '127.0.0.1', enableMDNS: false, enableGrenache: false, useWellKnownNodes: false };
  return { ...options, p2p: { ...alone, ...p2p } };
}

const clients = new Set();
const children = new Set();
const folders = new Set();
after(async () => {
  await Promise.all([...clients].map((client) => client.destroy()));
  for (const child of children) child.kill('SIGKILL');
  for (const dir of folders) rmSync(dir, { recursive: true, force: true });
});

/** A client that runs until the end of its test file. */
export async function start(options) {
  const client = new ExchangeClient(quiet(options));
  clients.add(client);
  await client.initialize();
  return client;
}

export const address = (client) => `127.0.0.1:${client.getP2PStats().directConnection.port}`;

/** Two clients that are connected. */
export async function pair(options = {}) {
  const one = await start(options);
  const other = await start({ ...options, p2p: { ...options.p2p, bootstrapPeers: [address(one)] } });
  await until('connected', () => [one, other].every((c) => c.getP2PStats().peers.connectedPeers === 1));
  return [one, other];
}

/** Waits until the condition holds, and gives what it gave. */
export async function until(what, condition) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const met = await condition();
    if (met) return met;
    assert.ok(Date.now() < end, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A folder that goes with the test file. */
export function folder() {
  const dir = mkdtempSync(path.join(tmpdir(), 'meshbook-'));
  folders.add(dir);
  return dir;
}

/** The environment of a child process: nothing of ours, but what is given. */
export function environment(variables = {}) {
  return { PATH: process.env.PATH, HOME: process.env.HOME, ...variables };
}

/** Runs a script, given as text, in a process of its own, beside this file's. */
export function script(text, { env, cwd = folder(), args = [] } = {}) {
  const source = text.replace(/'(meshbook(\/[a-z-]+)?|decimal\.js)'/g, (name) => `'${import.meta.resolve(name.slice(1, -1))}'`);
  return watch(spawn(process.execPath, [...args, '--input-type=module', '--eval', source], { cwd, env: environment(env) }));
}

/** The output of a process line by line, and its end. */
export function watch(child) {
  const lines = [];
  let errors = '';
  let wake = () => {};
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    wake();
  });
  child.stderr.on('data', (data) => (errors += data));
  const ended = new Promise((resolve) => {
    child.once('close', (code, signal) => {
      wake();
      resolve({ code, signal, lines, errors, at: performance.now() });
    });
  });
  const kill = setTimeout(() => child.kill('SIGKILL'), 2 * PATIENCE);
  void ended.then(() => clearTimeout(kill));
  children.add(child);
  return {
    child,
    ended,
    lines,
    /** What it wrote to stderr so far. */
    get errors() {
      return errors;
    },
    /** The next line. */
    async line() {
      while (lines.length === 0) {
        const over = await Promise.race([ended, new Promise((resolve) => (wake = resolve))]);
        if (over && lines.length === 0) throw new Error(`ended with ${over.code ?? over.signal}: ${errors}`);
      }
      return lines.shift();
    },
    send(line) {
      child.stdin.write(`${line}\n`);
    },
  };
}
