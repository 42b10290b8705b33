import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const package_ = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const tsc = path.join(package_, 'node_modules/typescript/bin/tsc');

for (const app of ['app.mts', 'app.cts']) {
  test(`tsc --strict accepts ${app} and refuses what is wrong in it`, () => {
    const options = ['--ignoreConfig', '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022,esnext.disposable', '--types', 'node'];
    const { status, stdout } = spawnSync(process.execPath, [tsc, ...options, path.join('test/types', app)], { cwd: package_, encoding: 'utf8' });
    assert.deepEqual([status, stdout], [0, '']);
  });
}

test('the declarations have every member of the contract, and a missing one is told', () => {
  const check = path.join(package_, 'scripts/check-contract.mjs');
  assert.match(execFileSync(process.execPath, [check], { encoding: 'utf8' }), /^all \d+ members/);
  const { status, stderr } = spawnSync(process.execPath, [check, 'ExchangeClient.fly'], { encoding: 'utf8' });
  assert.deepEqual([status, stderr.trim()], [1, 'missing in the declarations: fly']);
});
