import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { ExchangeClient } from 'meshbook';
import { folder, quiet, script, start, until } from './helpers.mjs';

/** A client with these variables and options. */
function make(env, options) {
  Object.assign(process.env, env);
  try {
    return new ExchangeClient(options);
  } finally {
    for (const name of Object.keys(env)) delete process.env[name];
  }
}

const pairOf = (client) => client.pair;
const direct = (name) => (client) => client.getP2PStats().directConnection[name];
const bootstrap = (client) => client.getP2PStats().discovery.bootstrapPeers;

test('an option outranks its variable, which outranks the default', () => {
  const cases = [
    [pairOf, 'BTC/USD', { EXCHANGE_PAIR: 'ETH/USD' }, 'ETH/USD', { pair: 'XRP/USD' }, 'XRP/USD'],
    [pairOf, 'BTC/USD', { EXCHANGE_PAIR: 'ETH/USD' }, 'ETH/USD', { exchange: { pair: 'XRP/USD' } }, 'XRP/USD'],
    [pairOf, 'BTC/USD', { EXCHANGE_PAIR: ' ' }, 'BTC/USD', { pair: 'XRP/USD', exchange: { pair: 'ADA/USD' } }, 'XRP/USD'],
    [direct('port'), 3000, { P2P_PORT: '4000' }, 4000, { p2p: { port: 5000 } }, 5000],
    [direct('host'), '0.0.0.0', { P2P_HOST: '127.0.0.1' }, '127.0.0.1', { p2p: { host: '::1' } }, '::1'],
    [bootstrap, 5, { USE_WELL_KNOWN_NODES: 'off' }, 0, { p2p: { useWellKnownNodes: true } }, 5],
    [bootstrap, 5, { NETWORK: 'testnet' }, 0, {}, 5],
    [bootstrap, 5, { BOOTSTRAP_PEERS: 'a:1, b:2' }, 7, { p2p: { bootstrapPeers: ['c:3'] } }, 6],
    [bootstrap, 5, { P2P_ENABLED: 'no' }, 0, {}, 5],
  ];
  for (const [read, byDefault, env, byVariable, options, byOption] of cases) {
    assert.deepEqual(read(make({}, undefined)), byDefault);
    assert.deepEqual(read(make(env, {})), byVariable, JSON.stringify(env));
    const both = Object.keys(options).length === 0 ? {} : env;
    assert.deepEqual(read(make(both, options)), byOption, JSON.stringify(options));
  }
});

test('an option that is undefined or null is absent', () => {
  const client = make({ EXCHANGE_PAIR: 'ETH/USD' }, { pair: undefined, userId: null, p2p: { port: undefined }, exchange: null });
  assert.deepEqual([client.pair, client.getP2PStats().directConnection.port], ['ETH/USD', 3000]);
});

test('a user is an option and no variable', () => {
  assert.equal(make({}, { userId: 'bob' }).userId, 'bob');
  assert.notEqual(make({ USER_ID: 'bob' }, {}).userId, 'bob');
});

test('discovery is switched by options and variables, in every spelling', async () => {
  for (const [name, option, strategy] of [
    ['DISCOVERY_MDNS', 'enableMDNS', 'mdns'],
    ['DISCOVERY_GRENACHE', 'enableGrenache', 'grenache'],
    ['DISCOVERY_PEER_EXCHANGE', 'enablePeerExchange', 'peerExchange'],
  ]) {
    for (const [text, expected] of [['true', true], ['0', false], ['Yes', true], ['OFF', false]]) {
      const p2p = { enableMDNS: false, enableGrenache: false, [option]: undefined };
      const client = make({ [name]: text }, quiet({ p2p }));
      await client.initialize();
      assert.equal(client.getP2PStats().discovery.strategies[strategy], expected, `${name}=${text}`);
      await client.destroy();
    }
  }
});

test('each option of a wrong value is an error that names it, the value and what is allowed', () => {
  const cases = [
    ['userId', { userId: 'a b' }, 'a b'],
    ['userId', { userId: 7 }, '7'],
    ['pair', { pair: 'BTCUSD' }, 'BTCUSD'],
    ['exchange.pair', { exchange: { pair: 'x' } }, 'x'],
    ['exchange', { exchange: 'BTC/USD' }, 'BTC/USD'],
    ['grapeUrl', { grapeUrl: 'localhost:30001' }, 'localhost:30001'],
    ['grenache.url', { grenache: { url: 'ftp://x' } }, 'ftp://x'],
    ['p2p', { p2p: 3000 }, '3000'],
    ['p2p.port', { p2p: { port: 65536 } }, '65536'],
    ['p2p.port', { p2p: { port: -1 } }, '-1'],
    ['p2p.port', { p2p: { port: 1.5 } }, '1.5'],
    ['p2p.port', { p2p: { port: NaN } }, 'NaN'],
    ['p2p.port', { p2p: { port: true } }, 'true'],
    ['p2p.host', { p2p: { host: 'a b' } }, 'a b'],
    ['p2p.enableMDNS', { p2p: { enableMDNS: 'maybe' } }, 'maybe'],
    ['p2p.enableMDNS', { p2p: { enableMDNS: 1 } }, '1'],
    ['p2p.enableGrenache', { p2p: { enableGrenache: {} } }, '{}'],
    ['p2p.enablePeerExchange', { p2p: { enablePeerExchange: '' } }, ''],
    ['p2p.useWellKnownNodes', { p2p: { useWellKnownNodes: 'si' } }, 'si'],
    ['p2p.bootstrapPeers', { p2p: { bootstrapPeers: 'a:1' } }, 'a:1'],
    ['p2p.bootstrapPeers', { p2p: { bootstrapPeers: ['a'] } }, 'a'],
    ['p2p.bootstrapPeers', { p2p: { bootstrapPeers: ['a:1', 7] } }, '7'],
    ['p2p.peerStoragePath', { p2p: { peerStoragePath: '' } }, ''],
    ['dataDir', { dataDir: '' }, ''],
    ['options', 7, '7'],
  ];
  for (const [field, options, value] of cases) {
    assert.throws(() => new ExchangeClient(options), (error) => {
      assert.deepEqual([error.name, error.code, error.field, error.value], ['InvalidValueError', 'INVALID_VALUE', field, value]);
      assert.ok(error instanceof Error && error.allowed.length > 0);
      assert.ok(error.message.startsWith(`${field} `) && error.message.includes(error.allowed), error.message);
      return true;
    });
  }
});

/** Every variable of the contract with a value that is allowed and one that is not. */
const VARIABLES = {
  EXCHANGE_PAIR: ['ETH/USD', 'ETHUSD'],
  GRAPE_URL: ['http://10.0.0.1:30001', '10.0.0.1'],
  P2P_PORT: ['4000', '70000'],
  P2P_HOST: ['127.0.0.1', '1.2.3'],
  DISCOVERY_MDNS: ['ON', '2'],
  DISCOVERY_GRENACHE: ['no', 'never'],
  DISCOVERY_PEER_EXCHANGE: ['FALSE', 'f'],
  BOOTSTRAP_PEERS: ['a:1,b:2', 'a'],
  USE_WELL_KNOWN_NODES: ['1', '-1'],
  NETWORK: ['local:acme', 'home'],
  PEER_STORAGE_PATH: ['peers.json', 'a\0b'],
  P2P_ENABLED: ['True', 'ja'],
  MAX_PEERS: ['7', '0'],
  PEER_RECONNECT_INTERVAL: ['1000', '1s'],
  EMBEDDED_GRAPE: ['off', 'x'],
  GRAPE_DHT_PORT: ['20001', '0'],
  GRAPE_API_PORT: ['30001', 'x'],
  GRAPE_BOOTSTRAP_NODES: ['127.0.0.1:20002', '20002'],
  GRAPE_HOST: ['127.0.0.1', 'a b'],
  ENABLE_RATE_LIMIT: ['yes', 'sometimes'],
  MAX_ORDERS_PER_SECOND: ['10', '0'],
  MAX_ORDERS_PER_MINUTE: ['100', '1.5'],
  MAX_REQUESTS_PER_MINUTE: ['1000', '-1'],
  MAX_MESSAGE_SIZE_KB: ['1024', '16384'],
  MAX_ORDER_AMOUNT: ['5.5', '0'],
  MAX_ORDER_PRICE: ['1000000', '1e6'],
  CIRCUIT_BREAKER_FAILURE_THRESHOLD: ['3', '0'],
  CIRCUIT_BREAKER_RESET_TIMEOUT_MS: ['30000', 'soon'],
  LOG_LEVEL: ['warn', 'loud'],
  ENABLE_METRICS: ['true', 'maybe'],
  METRICS_PORT: ['9090', '99999'],
};

/** Names that other programs use too: a value that is none of ours is ignored with a warning. */
const COMMON_NAMES = ['NETWORK', 'ENABLE_RATE_LIMIT', 'LOG_LEVEL', 'ENABLE_METRICS', 'METRICS_PORT'];

for (const [name, [good, bad]] of Object.entries(VARIABLES)) {
  test(`${name} is read, and a value that is not allowed is named`, () => {
    // The environment of a process holds no NUL.
    if (!good.includes('\0')) make({ [name]: good }, {});
    if (bad.includes('\0')) return;
    const isCommon = COMMON_NAMES.includes(name);
    if (isCommon) make({ [name]: bad }, {});
    // An unknown level is a warning under either name.
    if (name === 'LOG_LEVEL') return make({ MESHBOOK_LOG_LEVEL: bad }, {});
    const ours = isCommon ? `MESHBOOK_${name}` : name;
    assert.throws(() => make({ [ours]: bad }, {}), (error) => {
      assert.deepEqual([error.code, error.value], ['INVALID_VALUE', bad]);
      assert.ok([name, ours].includes(error.field), error.field);
      return true;
    });
  });
}

test('limits of orders and their rate are those of the variables', async () => {
  const client = make({ MAX_ORDER_AMOUNT: '5', MAX_ORDER_PRICE: '10', ENABLE_RATE_LIMIT: 'on', MAX_ORDERS_PER_SECOND: '2' }, quiet());
  await client.initialize();
  assert.match((await client.placeBuyOrder('5.1', '1')).error, /amount "5.1" is not allowed/);
  assert.match((await client.placeBuyOrder('1', '10.1')).error, /price "10.1" is not allowed/);
  const codes = [];
  for (let i = 0; i < 3; i += 1) codes.push((await client.placeBuyOrder('1', '1')).code);
  assert.equal(codes.at(-1), 'RATE_LIMITED');
  await client.destroy();
});

test('a port in use rejects with EADDRINUSE, whoever uses it', async () => {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  const options = quiet({ dataDir: folder(), p2p: { port } });
  const client = new ExchangeClient(options);
  await assert.rejects(client.initialize(), { name: 'StartError', code: 'EADDRINUSE' });
  await new Promise((resolve) => server.close(resolve));
  await client.initialize();
  assert.equal(client.isInitialized, true, 'it may be tried again');
  await client.destroy();
});

test('two clients on one port: the second one is told of the port and not of the directory', async () => {
  const text = `
    import { createServer } from 'node:net';
    import { ExchangeClient } from 'meshbook';
    const free = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => free.once('listening', resolve));
    const { port } = free.address();
    await new Promise((resolve) => free.close(resolve));
    const make = () => new ExchangeClient({ p2p: { port, host: '127.0.0.1', enableMDNS: false, enableGrenache: false, useWellKnownNodes: false } });
    const first = make();
    await first.initialize();
    await make().initialize().catch((error) => console.log(error.code, error.message));
    await first.destroy();
    console.log(port);`;
  const cwd = folder();
  const { lines, code, errors } = await script(text, { cwd }).ended;
  assert.equal(code, 0, errors);
  const [error, port] = lines;
  assert.equal(error, `EADDRINUSE address 127.0.0.1:${port} is in use`);
  assert.deepEqual(readdirSync(cwd).sort(), [`.meshbook-${port}`, '.peers.json'].filter((name) => existsSync(path.join(cwd, name))));
  assert.ok(existsSync(path.join(cwd, `.meshbook-${port}`)));
});

test('nothing is kept with dataDir null, nor on any free port', async () => {
  const text = `
    import { ExchangeClient } from 'meshbook';
    const p2p = { host: '127.0.0.1', enableMDNS: false, enableGrenache: false, useWellKnownNodes: false };
    for (const options of [{ p2p: { ...p2p, port: 0 } }, { dataDir: null, p2p: { ...p2p, port: 0 } }]) {
      const client = new ExchangeClient(options);
      await client.initialize();
      await client.placeBuyOrder('1', '1');
      await client.destroy();
    }`;
  const cwd = folder();
  const { code, errors } = await script(text, { cwd }).ended;
  assert.deepEqual([code, errors, readdirSync(cwd)], [0, '', []]);
  const named = path.join(folder(), 'd');
  await (await start({ dataDir: named })).destroy();
  assert.ok(existsSync(named));
  const byVariable = path.join(folder(), 'd');
  const client = make({ MESHBOOK_DATA_DIR: byVariable }, quiet());
  await client.initialize();
  await client.destroy();
  assert.ok(existsSync(byVariable));
});

test('a Grape that is not there is a warning and no failure', async () => {
  const text = `
    import { ExchangeClient } from 'meshbook';
    const client = new ExchangeClient({ grapeUrl: 'http://127.0.0.1:1', p2p: { port: 0, host: '127.0.0.1', enableMDNS: false, useWellKnownNodes: false } });
    await client.initialize();
    console.log(client.getP2PStats().hasGrenache);
    process.stdin.once('data', () => client.destroy().then(() => process.exit(0)));`;
  const run = script(text);
  assert.equal(await run.line(), 'false');
  await until('it is told', () => /WARN .*source of peers fails/.test(run.errors));
  run.send('end');
  assert.equal((await run.ended).code, 0);
});

test('EMBEDDED_GRAPE runs a Grape beside the node, by which clients find each other', async () => {
  const port = () => new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
  const [dht, api] = [await port(), await port()];
  const env = { EMBEDDED_GRAPE: 'true', GRAPE_DHT_PORT: String(dht), GRAPE_API_PORT: String(api) };
  const grapeUrl = `http://127.0.0.1:${api}`;
  const first = make(env, quiet({ grapeUrl, p2p: { enableGrenache: true } }));
  await first.initialize();
  const second = await start({ grapeUrl, p2p: { enableGrenache: true } });
  await until('they have found each other', () => second.getP2PStats().peers.connectedPeers === 1);
  assert.equal(second.getP2PStats().hasGrenache, true);
  await first.destroy();
  await assert.rejects(fetch(grapeUrl));
});

test('LOG_LEVEL says what goes to stderr, and LOG_FORMAT how', async () => {
  const text = `
    import { ExchangeClient } from 'meshbook';
    const client = new ExchangeClient({ p2p: { port: 0, host: '127.0.0.1', enableMDNS: false, enableGrenache: false, useWellKnownNodes: false } });
    await client.initialize();
    await client.destroy();`;
  assert.equal((await script(text).ended).errors, '');
  assert.match((await script(text, { env: { LOG_LEVEL: 'info' } }).ended).errors, /INFO.*started/);
  const json = (await script(text, { env: { LOG_LEVEL: 'info', LOG_FORMAT: 'json' } }).ended).errors;
  assert.equal(JSON.parse(json.split('\n')[0]).level, 'INFO');
});

test('P2P_ENABLED=false opens no port', async () => {
  const client = make({ P2P_ENABLED: 'false' }, quiet());
  await client.initialize();
  assert.deepEqual([client.isInitialized, client.getP2PStats().directConnection.isRunning], [true, false]);
  assert.equal((await client.placeBuyOrder('1', '1')).success, true);
  await client.destroy();
});

test('MAX_PEERS bounds the connections', async () => {
  const hub = make({ MAX_PEERS: '1' }, quiet());
  await hub.initialize();
  const { port } = hub.getP2PStats().directConnection;
  const bootstrapPeers = [`127.0.0.1:${port}`];
  const first = await start({ p2p: { bootstrapPeers } });
  await until('one is connected', () => first.getP2PStats().peers.connectedPeers === 1);
  const second = await start({ p2p: { bootstrapPeers } });
  await until('it was refused, and told of the other', () => second.getP2PStats().peers.connectedPeers === 1 && first.getP2PStats().peers.connectedPeers === 2);
  assert.equal(hub.getP2PStats().peers.connectedPeers, 1);
  await hub.destroy();
});
