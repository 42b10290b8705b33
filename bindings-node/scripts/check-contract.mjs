// Lists the members of the contract and fails where the declarations lack one.
//
//   node scripts/check-contract.mjs [EXTRA...]
//
// Each EXTRA, like `ExchangeClient.fly`, is looked for as well.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const CONTRACT = {
  ExchangeClient: [
    'userId', 'pair', 'orderbook', 'grenacheService', 'isInitialized', 'initialize', 'placeBuyOrder', 'placeSellOrder',
    'cancelOrder', 'getOrderBook', 'getUserOrders', 'getOrder', 'getRecentTrades', 'getTradeHistory', 'getOrderHistory',
    'getVectorClockStatus', 'forceProcessPendingEvents', 'getP2PStats', 'destroy', 'placeOrder', 'events', 'on', 'off', 'once',
  ],
  ExchangeClientOptions: ['userId', 'pair', 'exchange', 'grapeUrl', 'grenache', 'p2p', 'dataDir'],
  P2POptions: [
    'port', 'host', 'enableMDNS', 'enableGrenache', 'enablePeerExchange', 'bootstrapPeers', 'useWellKnownNodes', 'peerStoragePath',
  ],
  OrderResult: ['success', 'orderId', 'trades', 'remainingOrder', 'distribution', 'error'],
  Distribution: ['success', 'distributedTo', 'failedTo'],
  Order: ['id', 'userId', 'side', 'amount', 'price', 'status', 'timestamp', 'pair'],
  Trade: ['id', 'buyOrderId', 'sellOrderId', 'amount', 'price', 'timestamp'],
  OrderBookSnapshot: ['pair', 'timestamp', 'bids', 'asks'],
  Level: ['price', 'amount', 'count'],
  VectorClockStatus: ['nodeId', 'vectorClock', 'pendingEvents', 'lastProcessedClocks'],
  P2PStats: ['hasGrenache', 'peers', 'discovery', 'router', 'directConnection'],
  "P2PStats['peers']": [
    'totalPeers', 'connectedPeers', 'healthyPeers', 'inboundPeers', 'outboundPeers', 'totalMessagesReceived',
    'totalMessagesSent', 'totalBytesReceived', 'totalBytesSent',
  ],
  "P2PStats['discovery']": ['isRunning', 'strategies', 'bootstrapPeers'],
  "P2PStats['discovery']['strategies']": ['mdns', 'grenache', 'peerExchange'],
  "P2PStats['router']": ['queueSize', 'maxQueueSize', 'deduplicationCacheSize', 'hasGrenache'],
  "P2PStats['directConnection']": ['nodeId', 'host', 'port', 'isRunning', 'connections', 'pendingHandshakes'],
  OrderBook: [
    'pair', 'orderCount', 'tradeCount', 'isProcessing', 'addOrder', 'cancelOrder', 'getOrder', 'getOrderBook',
    'getRecentTrades', 'getUserOrders', 'getBestPrices', 'getSpread', 'getMetrics', 'getVectorClock',
  ],
  AddOrderResult: ['trades', 'remainingOrder'],
  OrderInput: ['userId', 'side', 'amount', 'price', 'pair'],
  BestPrices: ['bid', 'ask', 'spread'],
  OrderBookMetrics: [
    'totalOrders', 'totalTrades', 'averageLatency', 'maxLatency', 'minLatency', 'orderCount', 'tradeCount', 'buyLevels',
    'sellLevels', 'eventQueue',
  ],
  GrenacheService: [
    'nodeId', 'serviceName', 'isInitialized', 'initialize', 'addOrderHandler', 'removeOrderHandler', 'addTradeHandler',
    'removeTradeHandler', 'distributeOrder', 'broadcastTrade', 'getVectorClock', 'getCircuitBreakerStatus',
    'getCircuitBreakerMetrics', 'resetCircuitBreaker', 'destroy',
  ],
};

/** Where each is imported from. */
const FROM = { GrenacheService: 'meshbook/grenache-service', OrderBook: 'meshbook/orderbook' };

const members = Object.entries(CONTRACT).flatMap(([type, names]) => names.map((name) => [type, name]));
for (const extra of process.argv.slice(2)) members.push(extra.split('.'));

const package_ = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
// Inside the package, where its own name means itself.
const folder = mkdtempSync(path.join(package_, 'contract-'));
try {
  const types = new Set(members.map(([type]) => type.replace(/\[.*/, '')));
  const imports = [...types].map((type) => `import type { ${type} } from '${FROM[type] ?? 'meshbook'}';`);
  const uses = members.map(([type, name]) => `export type _${type.replace(/\W/g, '_')}_${name} = Has<${type}, '${name}'>;`);
  const lines = [...imports, 'type Has<T, Name extends keyof T> = T[Name];', ...uses];
  writeFileSync(path.join(folder, 'contract.mts'), lines.join('\n'));
  const tsc = path.join(package_, 'node_modules/typescript/bin/tsc');
  const options = ['--ignoreConfig', '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node'];
  execFileSync(process.execPath, [tsc, ...options, path.join(folder, 'contract.mts')], { stdio: 'pipe', encoding: 'utf8' });
  console.log(`all ${members.length} members of the contract are declared`);
} catch (error) {
  const said = String(error.stdout ?? error);
  const missing = [...said.matchAll(/Type '"(\w+)"' does not satisfy/g)].map(([, name]) => name);
  console.error(missing.length ? `missing in the declarations: ${missing.join(', ')}` : said);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
