#!/usr/bin/env node
import { invalid, isFailure } from './errors.js';
import { native } from './native.js';

/** Options that belong to no command; any other one before a command is one of `run`. */
const GENERAL = ['-h', '--help', '-V', '--version'];

async function main(): Promise<number> {
  // The command has handlers of its own, which call those that were there before them. Node's first ones
  // raise the signal once more, for ever then; those of a listener do no harm.
  const signals: NodeJS.Signals[] = process.platform === 'win32' ? ['SIGINT', 'SIGTERM'] : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
  for (const signal of signals) process.on(signal, () => {});
  const variables = native.envFile();
  if (isFailure(variables)) throw invalid(variables);
  for (const { name, text } of variables) process.env[name] ??= text;
  const args = process.argv.slice(2);
  const [first] = args;
  const runs = first === undefined || (first.startsWith('-') && !GENERAL.includes(first) && !hasCommand(args));
  return native.run(runs ? ['run', ...args] : args);
}

/** `--json status` and `--data-dir DIR status` have a command, `--port 3000` has none. */
function hasCommand(args: string[]): boolean {
  const rest = [...args];
  for (;;) {
    const arg = rest.shift();
    if (arg === '--json' || arg?.startsWith('--data-dir=')) continue;
    if (arg === '--data-dir') {
      rest.shift();
      continue;
    }
    return arg !== undefined && !arg.startsWith('-');
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  },
);
