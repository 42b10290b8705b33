// Real nodes: processes of the command `meshbook`, on free ports and in folders of their own.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../../../target', import.meta.url));
/** The command, built with the feature `page`. */
const BINARY = process.env.MESHBOOK_BIN ?? join(target, 'debug', 'meshbook');
const QUIET = ['--metrics', 'off', '--host', '127.0.0.1', '--control', '127.0.0.1:0', '--well-known', 'off',
  '--set', 'discovery_mdns=off', '--set', 'discovery_grenache=off'];

export class NativeNode {
  /** Starts a node that serves the page and looks for nobody. */
  static async start({ port = 0, dir, bootstrap } = {}) {
    const node = new NativeNode();
    node.dir = dir ?? (await mkdtemp(join(tmpdir(), 'meshbook-page-')));
    const args = ['run', '--json', '--until-stdin-closes', '--port', String(port), ...QUIET, '--data-dir', node.dir];
    if (bootstrap) args.push('--bootstrap', bootstrap);
    node.child = spawn(BINARY, args, { cwd: node.dir, env: {}, stdio: ['pipe', 'pipe', 'pipe'] });
    node.ended = new Promise((resolve) => node.child.once('close', resolve));
    let said = '';
    node.child.stderr.on('data', (data) => (said = (said + data).slice(-4000)));
    const lines = createInterface({ input: node.child.stdout });
    const first = await Promise.race([
      new Promise((resolve) => lines.once('line', resolve)),
      new Promise((_, reject) => node.child.once('error', reject)),
      node.ended.then(() => Promise.reject(new Error(`the node did not start: ${said}`))),
    ]);
    node.ready = JSON.parse(first);
    node.address = node.ready.p2pAddress;
    node.url = `http://${node.address}/`;
    return node;
  }

  /** What a command says, as JSON. */
  async ask(...args) {
    const { stdout } = await run(BINARY, ['--json', '--data-dir', this.dir, ...args], { cwd: this.dir, env: {} });
    return JSON.parse(stdout);
  }

  /** Where its control API listens, and the token for it. */
  async control() {
    return JSON.parse(await readFile(join(this.dir, 'control.json'), 'utf8'));
  }

  /** Ends it without a goodbye. */
  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** The same node on the same port, after its end. */
  again() {
    return NativeNode.start({ port: Number(this.address.split(':')[1]), dir: this.dir });
  }

  /** Ends it, and removes what it kept. */
  async end() {
    this.child.stdin.end();
    const late = setTimeout(() => this.child.kill('SIGKILL'), 12_000);
    await this.ended;
    clearTimeout(late);
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Waits until `look` gives something true, and gives that. */
export async function until(what, look, patience = 30_000) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${patience / 1000} s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
