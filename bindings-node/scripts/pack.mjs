// Packs what is published: the package `meshbook`, and one package for each platform whose native part
// lies here. The first names the others, in its own version, as optional dependencies.
//
//   node scripts/pack.mjs --out DIR [--all]
//
// `--all` fails unless every platform is there. In the repository's package.json they are not named:
// who works on this builds the native part instead of fetching it.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { TARGETS, here } from './targets.mjs';

const { values } = parseArgs({ options: { out: { type: 'string' }, all: { type: 'boolean', default: false } } });
if (!values.out) throw new Error('--out DIR is missing');
const out = path.resolve(values.out);
mkdirSync(out, { recursive: true });

const root = path.join(here, '..');
const { scripts, devDependencies, ...manifest } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const { version, license, repository, engines } = manifest;
const library = ({ name }) => path.join(root, `meshbook.${name}.node`);
const built = TARGETS.filter((target) => existsSync(library(target)));
const missing = TARGETS.filter((target) => !built.includes(target)).map(({ name }) => name);
if (built.length === 0 || (values.all && missing.length > 0)) throw new Error(`not built: ${missing.join(', ')}`);

const staging = mkdtempSync(path.join(tmpdir(), 'meshbook-pack-'));
try {
  for (const target of built) {
    const { name, os, cpu, libc } = target;
    const file = path.basename(library(target));
    pack(`@meshbook/${name}`, (folder) => {
      copyFileSync(library(target), path.join(folder, file));
      const description = `The native part of the package meshbook for ${name}`;
      return {
        name: `@meshbook/${name}`, version, description, license, repository, engines,
        main: file, files: [file], os: [os], cpu: [cpu], ...(libc && { libc: [libc] }),
      };
    });
  }
  pack('meshbook', (folder) => {
    cpSync(path.join(root, 'dist'), path.join(folder, 'dist'), { recursive: true });
    copyFileSync(path.join(root, 'README.md'), path.join(folder, 'README.md'));
    const optionalDependencies = Object.fromEntries(built.map(({ name }) => [`@meshbook/${name}`, version]));
    return { ...manifest, optionalDependencies };
  });
} finally {
  rmSync(staging, { recursive: true });
}

/** Packs a folder that `fill` fills, with the manifest that it gives. */
function pack(name, fill) {
  const folder = path.join(staging, name.replace('/', '-'));
  mkdirSync(folder);
  const manifest = fill(folder);
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const file of ['LICENSE-APACHE', 'LICENSE-MIT']) copyFileSync(path.join(root, '..', file), path.join(folder, file));
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const packed = execFileSync(npm, ['pack', '--json', '--ignore-scripts', '--pack-destination', out], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], shell: process.platform === 'win32' });
  const said = JSON.parse(packed);
  const [{ filename }] = Array.isArray(said) ? said : Object.values(said);
  console.log(path.join(out, filename));
}
