import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ExchangeClient } from 'meshbook';
import { environment, folder, quiet, until, watch } from './helpers.mjs';

const cli = path.join(path.dirname(fileURLToPath(import.meta.url)), '../dist/cli.js');

function meshbook(args, { cwd = folder(), env = {} } = {}) {
  return watch(spawn(process.execPath, [cli, ...args], { cwd, env: environment({ NO_COLOR: '1', ...env }) }));
}

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

/** A node that knows nobody. */
const ALONE = { P2P_PORT: '0', P2P_HOST: '127.0.0.1', DISCOVERY_MDNS: 'false', USE_WELL_KNOWN_NODES: 'false', ENABLE_METRICS: 'false' };

test('without arguments a node runs, with a Grape, by the variables of the environment and of .env', async () => {
  const cwd = folder();
  const [dht, api] = [await freePort(), await freePort()];
  writeFileSync(path.join(cwd, '.env'), `# as the original's\nEXCHANGE_PAIR="ETH/USD"\nGRAPE_DHT_PORT=${dht}\nGRAPE_API_PORT=1\n`);
  const node = meshbook([], { cwd, env: { ...ALONE, GRAPE_API_PORT: String(api) } });
  const ready = await node.line();
  assert.match(ready, new RegExp(`^ready node=[0-9a-f]{64} p2p=127\\.0\\.0\\.1:\\d+ .*grape=127\\.0\\.0\\.1:${api} `));
  const [, port] = /p2p=127\.0\.0\.1:(\d+)/.exec(ready);
  const client = new ExchangeClient(quiet({ pair: 'ETH/USD', p2p: { bootstrapPeers: [`127.0.0.1:${port}`] } }));
  await client.initialize();
  await until('connected', () => client.getP2PStats().peers.connectedPeers === 1);
  const sold = meshbook(['sell', '1.5', '100', '--json'], { cwd });
  assert.deepEqual([(await sold.ended).code, JSON.parse(sold.lines[0]).success], [0, true]);
  await until('the ask is seen', () => client.getOrderBook().asks[0]?.amount === '1.5');
  await client.destroy();
  node.child.kill('SIGTERM');
  const { code, signal } = await node.ended;
  assert.deepEqual([code, signal], [0, null]);
  await assert.rejects(fetch(`http://127.0.0.1:${api}`));
});

test('a port that nobody asked a Grape to have is no reason not to run; one that somebody asked for is', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const env = { ...ALONE, GRAPE_API_PORT: String(taken.address().port), GRAPE_DHT_PORT: String(await freePort()) };
  const node = meshbook(['--log-level', 'warn'], { env });
  assert.match(await node.line(), /grape=off/);
  assert.match(node.errors, /WARN.*no Grape here/);
  node.child.kill('SIGINT');
  assert.equal((await node.ended).code, 0);
  const { code, errors } = await meshbook([], { env: { ...env, EMBEDDED_GRAPE: 'true' } }).ended;
  assert.equal(code, 1);
  assert.match(errors, /error: .*in use/);
  const off = meshbook(['run'], { env: { ...env, EMBEDDED_GRAPE: 'false' } });
  assert.match(await off.line(), /grape=off/);
  off.child.kill('SIGTERM');
  await off.ended;
  taken.close();
});

test('options, mistakes and exit codes are those of the command', async () => {
  const help = await meshbook(['--help']).ended;
  assert.deepEqual([help.code, help.errors], [0, '']);
  assert.ok(help.lines.some((line) => line.includes('Usage: meshbook')));
  const nobody = await meshbook(['status', '--json']).ended;
  assert.equal(nobody.code, 1);
  assert.equal(typeof JSON.parse(nobody.lines[0]).error.code, 'string');
  const wrong = await meshbook(['--port', 'x']).ended;
  assert.equal(wrong.code, 2);
  assert.match(wrong.errors, /--port "x" is not allowed: a whole number from 0 to 65535/);
  const variable = await meshbook([], { env: { MAX_PEERS: 'many' } }).ended;
  assert.deepEqual([variable.code, /MAX_PEERS "many" is not allowed/.test(variable.errors)], [2, true]);
  const cwd = folder();
  writeFileSync(path.join(cwd, '.env'), 'MAX_PEERS="8\n');
  const file = await meshbook([], { cwd }).ended;
  assert.equal(file.code, 2);
  assert.match(file.errors, /^error: the file \.env: /);
});

test('variables and a file .env of other programs are no reason not to run', async () => {
  const cwd = folder();
  writeFileSync(path.join(cwd, '.env'), "this is no variable\nGREETING=it's\nLOG_FORMAT=pretty\nMESHBOOK_EXCHANGE_PAIR=ETH/USD\n");
  const env = { ...ALONE, EMBEDDED_GRAPE: 'false', LOG_LEVEL: 'WARNING', NETWORK: 'bridge', MESHBOOK_P2P_PORT: '0', P2P_PORT: '1' };
  const node = meshbook([], { cwd, env });
  await node.line();
  const { lines } = await meshbook(['status', '--json'], { cwd, env }).ended;
  const { pair, network } = JSON.parse(lines[0]);
  assert.deepEqual([pair, network], ['ETH/USD', 'local']);
  await until('warned', () => /WARN.*NETWORK/.test(node.errors) && /WARN.*LOG_FORMAT/.test(node.errors));
  node.child.kill('SIGHUP');
  const { code, signal } = await node.ended;
  assert.deepEqual([code, signal], [0, null]);
});

test('the command keeps its data where --data-dir says, before a command or without one', async () => {
  const dir = path.join(folder(), 'data');
  const node = meshbook(['--data-dir', dir, '--until-stdin-closes'], { env: { ...ALONE, EMBEDDED_GRAPE: 'false' } });
  assert.ok((await node.line()).endsWith(`data-dir=${dir}`));
  const { code, lines } = await meshbook(['--data-dir', dir, '--json', 'status']).ended;
  assert.deepEqual([code, typeof JSON.parse(lines[0]).nodeId], [0, 'string']);
  node.child.stdin.end();
  assert.equal((await node.ended).code, 0);
});
