import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { host } from '../scripts/targets.mjs';
import { environment, folder } from './helpers.mjs';

const package_ = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');

test('what is packed works in an empty folder, without Rust', () => {
  const out = folder();
  execFileSync(process.execPath, [path.join(package_, 'scripts/pack.mjs'), '--out', out], { stdio: ['ignore', 'pipe', 'inherit'] });
  const packed = readdirSync(out).filter((name) => name.endsWith('.tgz'));
  const wanted = packed.filter((name) => name.startsWith('meshbook-0') || name.includes(host().name));
  assert.equal(wanted.length, 2, packed.join());
  const cwd = folder();
  writeFileSync(path.join(cwd, 'package.json'), '{ "private": true }');
  // Where no cargo is.
  const PATH = [path.dirname(process.execPath), '/usr/bin', '/bin'].join(path.delimiter);
  const run = (command, ...args) => execFileSync(command, args, { cwd, encoding: 'utf8', env: environment({ PATH }), stdio: ['ignore', 'pipe', 'pipe'] });
  run('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', ...wanted.map((name) => path.join(out, name)));
  const manifest = JSON.parse(readFileSync(path.join(cwd, 'node_modules/meshbook/package.json'), 'utf8'));
  assert.deepEqual(manifest.optionalDependencies[`@meshbook/${host().name}`], manifest.version, 'the exact version');
  assert.deepEqual([manifest.scripts, manifest.devDependencies], [undefined, undefined]);
  writeFileSync(path.join(cwd, 'app.mjs'), `
    import { ExchangeClient } from 'meshbook';
    import { OrderBook } from 'meshbook/orderbook';
    const client = new ExchangeClient({ p2p: { port: 0, host: '127.0.0.1', enableMDNS: false, enableGrenache: false, useWellKnownNodes: false } });
    await client.initialize();
    const { success } = await client.placeBuyOrder('1', '2');
    const { remainingOrder } = await new OrderBook().addOrder({ userId: 'bob', side: 'buy', amount: '1', price: '2' });
    await client.destroy();
    console.log(success, remainingOrder.price.times(2).toString());`);
  assert.equal(run(process.execPath, 'app.mjs'), 'true 4\n');
  writeFileSync(path.join(cwd, 'app.cjs'), "console.log(typeof require('meshbook/grenache-service').GrenacheService, typeof require('meshbook').default);");
  assert.equal(run(process.execPath, 'app.cjs'), 'function function\n');
  assert.match(run('npx', '--no-install', 'meshbook', '--version'), /^meshbook \d/);
});
