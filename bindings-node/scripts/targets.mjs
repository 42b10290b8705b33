// What this package is built for: one package of npm for each, with nothing but the native part in it.
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const here = path.dirname(fileURLToPath(import.meta.url));

export const TARGETS = [
  { triple: 'x86_64-unknown-linux-gnu', name: 'linux-x64-gnu', os: 'linux', cpu: 'x64', libc: 'glibc' },
  { triple: 'aarch64-unknown-linux-gnu', name: 'linux-arm64-gnu', os: 'linux', cpu: 'arm64', libc: 'glibc' },
  { triple: 'x86_64-unknown-linux-musl', name: 'linux-x64-musl', os: 'linux', cpu: 'x64', libc: 'musl' },
  { triple: 'aarch64-unknown-linux-musl', name: 'linux-arm64-musl', os: 'linux', cpu: 'arm64', libc: 'musl' },
  { triple: 'x86_64-apple-darwin', name: 'darwin-x64', os: 'darwin', cpu: 'x64' },
  { triple: 'aarch64-apple-darwin', name: 'darwin-arm64', os: 'darwin', cpu: 'arm64' },
  { triple: 'x86_64-pc-windows-msvc', name: 'win32-x64-msvc', os: 'win32', cpu: 'x64' },
];

/** The one that runs here. */
export function host() {
  const { platform, arch } = process;
  const libc = platform !== 'linux' ? undefined : isGlibc() ? 'glibc' : 'musl';
  return TARGETS.find((target) => target.os === platform && target.cpu === arch && target.libc === libc);
}

function isGlibc() {
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime !== undefined;
}
