import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { script, until } from './helpers.mjs';

const example = (name) => script(readFileSync(new URL(`../../examples/node/${name}`, import.meta.url), 'utf8'));

test('the trader of the examples trades and ends', async () => {
  const { code, lines, errors } = await example('trader.js').ended;
  assert.equal(code, 0, errors);
  assert.ok(lines.includes('buy 0.5 at 50000: 1 trades, it is filled'), lines.join('\n'));
  assert.equal(lines.filter((line) => /^cancel .*: true$/.test(line)).length, 2);
});

test('the three nodes of the examples share what is sold', async () => {
  const { code, lines, errors } = await example('demo.js').ended;
  assert.equal(code, 0, errors);
  const shown = lines.filter((line) => line.includes('shows 1.5 sold'));
  assert.deepEqual(new Set(shown.map((line) => line.replace(/^\w+/, ''))).size, 1, lines.join('\n'));
  assert.equal(shown.length, 3);
});

test('the market maker of the examples quotes until it is told to end', async () => {
  const maker = example('maker.js');
  await until('it quotes', () => maker.lines.some((line) => line === 'bid 49950, ask 50050'));
  maker.child.kill('SIGINT');
  const { code, lines } = await maker.ended;
  assert.deepEqual([code, lines.at(-1)], [0, 'no more quotes']);
});
