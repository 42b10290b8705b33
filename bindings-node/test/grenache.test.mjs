import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { GrenacheService } from 'meshbook/grenache-service';
import { environment, script, start, until, watch } from './helpers.mjs';

const agents = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../tests/grenache');

/** The packages of npm in a process of their own. */
function agent() {
  const { child, line } = watch(spawn(process.execPath, ['agent.js'], { cwd: agents, env: environment() }));
  return async (command, options = {}) => {
    child.stdin.write(`${JSON.stringify({ id: 1, do: command, ...options })}\n`);
    const { error, result } = JSON.parse(await line());
    if (error) throw new Error(error);
    return result;
  };
}

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

/** Two real Grapes, since one alone knows nobody. Gives the API's address of the first. */
async function grapes() {
  const ports = [await freePort(), await freePort(), await freePort(), await freePort()];
  const [dht, api, otherDht, otherApi] = ports;
  const conf = (port, api, other) => ({ dht_port: port, api_port: api, dht_bootstrap: [`127.0.0.1:${other}`], host: '127.0.0.1' });
  await Promise.all([agent()('grape', conf(dht, api, otherDht)), agent()('grape', conf(otherDht, otherApi, dht))]);
  return `http://127.0.0.1:${api}`;
}

const services = new Set();
after(() => Promise.all([...services].map((service) => service.destroy())));

async function serve(url) {
  const service = new GrenacheService(url);
  services.add(service);
  await service.initialize();
  return service;
}

const order = { id: 'o1', userId: 'bob', side: 'buy', amount: '1', price: '2' };

test('a service has its getters and is started and ended once', async () => {
  const service = new GrenacheService('http://127.0.0.1:1');
  assert.match(service.nodeId, /^[0-9a-f-]{36}$/);
  assert.deepEqual([service.serviceName, service.isInitialized], ['p2p_exchange', false]);
  assert.deepEqual(service.getVectorClock(), { [service.nodeId]: 0 });
  await assert.rejects(service.distributeOrder(order), { code: 'NOT_INITIALIZED' });
  await assert.rejects(service.broadcastTrade({}), { code: 'NOT_INITIALIZED' });
  await Promise.all([service.initialize(), service.initialize()]);
  assert.equal(service.isInitialized, true, 'a Grape that is not there is no failure');
  await service.destroy();
  await service.destroy();
  assert.equal(service.isInitialized, false);
  await assert.rejects(service.initialize(), { name: 'StartError', code: 'SHUTTING_DOWN' });
});

test('a Grape that is no address is an error that says what is allowed', () => {
  for (const url of ['localhost:30001', 'https://grape', '', 7]) {
    assert.throws(() => new GrenacheService(url), { name: 'InvalidValueError', field: 'grapeUrl' });
  }
});

test('the circuit breaker opens after failures in a row, is counted, and can be closed', async () => {
  process.env.CIRCUIT_BREAKER_FAILURE_THRESHOLD = '2';
  const service = await serve('http://127.0.0.1:1');
  delete process.env.CIRCUIT_BREAKER_FAILURE_THRESHOLD;
  await until('it is open', () => service.getCircuitBreakerStatus().isOpen);
  const { state, failureCount, failureThreshold, retryIn, lastError } = service.getCircuitBreakerStatus();
  assert.deepEqual([state, failureCount, failureThreshold], ['open', 2, 2]);
  assert.ok(retryIn > 20_000 && retryIn <= 30_000);
  assert.match(lastError, /refused/);
  assert.deepEqual(await service.distributeOrder(order), { success: false, distributedTo: [], failedTo: [] });
  const metrics = service.getCircuitBreakerMetrics();
  assert.equal(metrics.failedRequests, 2);
  assert.equal(metrics.totalRequests, metrics.successfulRequests + metrics.failedRequests);
  assert.ok(metrics.rejectedRequests >= 1);
  service.resetCircuitBreaker();
  assert.deepEqual([service.getCircuitBreakerStatus().state, service.getCircuitBreakerStatus().failureCount], ['closed', 0]);
});

test('services find each other at real Grapes; orders and trades come with their clocks', async () => {
  const url = await grapes();
  const [one, other] = [await serve(url), await serve(url)];
  const got = [];
  const hear = (payload, clock) => got.push([payload, clock]);
  other.addOrderHandler(hear);
  other.addTradeHandler((payload) => got.push(['trade', payload]));
  const distribution = await until('the order goes', async () => {
    const sent = await one.distributeOrder(order);
    return sent.success && sent;
  });
  assert.deepEqual(distribution, { success: true, distributedTo: [other.nodeId], failedTo: [] });
  const [payload, clock] = got.at(-1);
  assert.deepEqual(payload, order);
  assert.ok(clock[one.nodeId] > 0);
  assert.equal(other.getVectorClock()[one.nodeId], clock[one.nodeId]);
  assert.equal(await one.broadcastTrade({ id: 't1', amount: '1' }), true);
  assert.deepEqual(got.at(-1), ['trade', { id: 't1', amount: '1' }]);
  assert.equal(one.getVectorClock()[one.nodeId], clock[one.nodeId] + 1);

  other.removeOrderHandler(hear);
  const before = got.length;
  assert.equal((await one.distributeOrder(order)).success, true);
  assert.equal(got.length, before);
  other.addOrderHandler(() => {
    throw new Error('no room');
  });
  const { success, failedTo } = await one.distributeOrder(order);
  assert.deepEqual([success, failedTo.length], [false, 1]);
  await other.destroy();
  const gone = await one.distributeOrder(order);
  assert.deepEqual([gone.success, gone.distributedTo], [false, []]);
});

test('the packages of npm ask the service and are asked by it, in the words of the contract', async () => {
  const url = await grapes();
  const npm = agent();
  await npm('link', { grape: url });
  const service = await serve(url);
  const heard = [];
  service.addTradeHandler((trade, clock) => heard.push([trade, clock]));
  const message = { id: 'm1', type: 'trade', fromNode: 'them', payload: { id: 't' }, vectorClock: { them: 4 }, timestamp: Date.now() };
  const answer = await until('it is announced', () => npm('request', { key: 'p2p_exchange', payload: message, opts: { timeout: 5000 } }).catch(() => false));
  assert.deepEqual(answer, { success: true, nodeId: service.nodeId, message: 'trade received' });
  assert.deepEqual(heard[0], [{ id: 't' }, { them: 4 }]);
  for (const [wrong, why] of [[{ ...message, type: 'cancel' }, /type "cancel" is not allowed/], [{ ...message, fromNode: 7 }, /fromNode/], [{ ...message, payload: 'x' }, /payload/], [[], /fromNode/]]) {
    const refused = await npm('request', { key: 'p2p_exchange', payload: wrong, opts: { timeout: 5000 } });
    assert.deepEqual([refused.success, refused.nodeId], [false, service.nodeId]);
    assert.match(refused.message, why);
  }
  const port = await freePort();
  await npm('serve', { port });
  await npm('announce', { key: 'p2p_exchange', port });
  await until('their server is asked', async () => (await service.distributeOrder(order), await npm('served')) > 0);
  const [{ key, payload }] = await npm('received');
  assert.equal(key, 'p2p_exchange');
  assert.deepEqual(Object.keys(payload), ['id', 'type', 'fromNode', 'payload', 'vectorClock', 'timestamp']);
  assert.deepEqual([payload.type, payload.fromNode, payload.payload], ['order', service.nodeId, order]);
});

test('a client has a service of its own, which ends with it', async () => {
  const client = await start({ grapeUrl: 'http://127.0.0.1:1' });
  const service = client.grenacheService;
  assert.ok(service instanceof GrenacheService);
  assert.equal(client.grenacheService, service);
  await service.initialize();
  await client.destroy();
  assert.equal(service.isInitialized, false);
});

test('a service keeps no process alive', async () => {
  const text = "import { GrenacheService } from 'meshbook/grenache-service'; const s = new GrenacheService('http://127.0.0.1:1'); await s.initialize(); console.log('over');";
  const { code, errors } = await script(text).ended;
  assert.deepEqual([code, errors], [0, '']);
});
