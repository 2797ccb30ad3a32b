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
  throw new Error(messageOf(stripVTControlCharacters(`${stderr}\n${stdout}`)) ?? `wrangler ended with ${status}`);
}

/** The line that says what went wrong; what Cloudflare's API itself said stands below wrangler's, with its code. */
function messageOf(output: string): string | undefined {
  const [, told, asJson] = /\[ERROR\]\s*(.+)|"text": "(.+)"/.exec(output) ?? [];
  if (told === undefined) return asJson;
  if (/CLOUDFLARE_API_TOKEN|Not logged in/.test(told)) {
    return 'Wrangler is not signed in: npx wrangler login, or set CLOUDFLARE_API_TOKEN.';
  }
  const [reason] = /\S.* \[code: \d+\]$/m.exec(output) ?? [];
  return reason === undefined ? told : `${told} ${reason}`;
}
