import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { folder, script } from './helpers.mjs';

const require = createRequire(import.meta.url);
const ENTRIES = [
  ['meshbook', 'ExchangeClient'],
  ['meshbook/exchange-client', 'ExchangeClient'],
  ['meshbook/orderbook', 'OrderBook'],
  ['meshbook/grenache-service', 'GrenacheService'],
];

for (const [entry, name] of ENTRIES) {
  test(`${entry} gives ${name} by name and as the default, by import and by require, the same class`, async () => {
    const imported = await import(entry);
    const required = require(entry);
    assert.equal(typeof imported[name], 'function');
    assert.equal(imported[name].name, name);
    assert.equal(imported.default, imported[name]);
    assert.equal(required.default, imported[name]);
    assert.equal(required[name], imported[name]);
  });
}

test('an import starts nothing and writes nothing', async () => {
  const cwd = folder();
  const { code, errors, lines } = await script("import 'meshbook'; console.log('over')", { cwd }).ended;
  assert.deepEqual([code, errors, lines], [0, '', ['over']]);
  assert.deepEqual(readdirSync(cwd), []);
});

test('amounts are instances of the Decimal that the application itself imports or requires', async () => {
  const { OrderBook } = await import('meshbook/orderbook');
  const { Decimal } = await import('decimal.js');
  const { remainingOrder } = await new OrderBook().addOrder({ userId: 'bob', side: 'buy', amount: '1.5', price: '2' });
  assert.ok(remainingOrder.amount instanceof Decimal);
  const required = `
    const { OrderBook } = require(${JSON.stringify(require.resolve('meshbook/orderbook'))});
    const { Decimal } = require(${JSON.stringify(require.resolve('decimal.js'))});
    new OrderBook().addOrder({ userId: 'bob', side: 'buy', amount: '1.5', price: '2' })
      .then(({ remainingOrder }) => console.log(remainingOrder.amount instanceof Decimal));`;
  const { execFileSync } = await import('node:child_process');
  assert.equal(execFileSync(process.execPath, ['--input-type=commonjs', '--eval', required], { encoding: 'utf8' }), 'true\n');
});
