import { spawnSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';

/** Runs a wrangler command; throws one line when it fails. */
export function wrangler(args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['node_modules/wrangler/bin/wrangler.js', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status === 0) return;
  const output = stripVTControlCharacters(`${stderr}\n${stdout}`);
  throw new Error(/\[ERROR\]\s*(.+)/.exec(output)?.[1] ?? `wrangler ended with ${status}`);
}
