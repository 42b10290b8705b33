// Builds the native part of this package and puts it where `dist/native.js` looks for it.
//
//   node scripts/build-native.mjs [--target TRIPLE] [--from FILE]
//
// `--from` takes a library that was built already.
import { execFileSync } from 'node:child_process';
import { copyFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { TARGETS, here, host } from './targets.mjs';

const { values } = parseArgs({ options: { target: { type: 'string' }, from: { type: 'string' } } });
const build = values.target ? TARGETS.find(({ triple }) => triple === values.target) : host();
if (!build) throw new Error(`no build for ${values.target ?? `${process.platform} on ${process.arch}`}`);

const package_ = path.join(here, '..');
const destination = path.join(package_, `meshbook.${build.name}.node`);
const library = values.from ?? compile(values.target);
// By a rename: a process may have the old one open, and must not find it changed.
copyFileSync(library, `${destination}.new`);
renameSync(`${destination}.new`, destination);
console.log(path.relative(process.cwd(), destination));

function compile(target) {
  const args = ['build', '--release', '--locked', '--package', 'meshbook-napi', '--message-format', 'json-render-diagnostics'];
  if (target) args.push('--target', target);
  const options = { cwd: package_, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8', maxBuffer: 2 ** 28 };
  const messages = execFileSync('cargo', args, options).trim().split('\n').map((line) => JSON.parse(line));
  const ours = messages.find(({ reason, target }) => reason === 'compiler-artifact' && target.name === 'meshbook_napi');
  const file = ours?.filenames.find((name) => /\.(so|dylib|dll)$/.test(name));
  if (!file) throw new Error('cargo did not say what it has built');
  return file;
}
