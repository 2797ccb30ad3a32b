import { spawnSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';

/** For what a query of a database prints. */
const OUTPUT_MAX_BYTES = 64 * 1024 * 1024;

/**
 * Runs a wrangler command.
 *
 * @returns what it printed to standard output.
 * @throws Error of one line when it fails.
 */
export function wrangler(args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['node_modules/wrangler/bin/wrangler.js', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: OUTPUT_MAX_BYTES,
  });
  if (status === 0) return stdout;
  const output = stripVTControlCharacters(`${stderr}\n${stdout}`);
  const [, told, asJson] = /\[ERROR\]\s*(.+)|"text": "(.+)"/.exec(output) ?? [];
  throw new Error(told ?? asJson ?? `wrangler ended with ${status}`);
}
