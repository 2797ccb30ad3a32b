import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { stripVTControlCharacters } from 'node:util';

const PROGRAM = 'node_modules/wrangler/bin/wrangler.js';
/** For what a query of a database prints. */
const OUTPUT_MAX_BYTES = 64 * 1024 * 1024;

/**
 * Runs a wrangler command.
 *
 * @returns what it printed to standard output, without colors.
 * @throws Error of one line when it fails.
 */
export function wrangler(args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: OUTPUT_MAX_BYTES,
  });
  return printed(status, stdout, stderr);
}

/**
 * Likewise, in a process group of its own: Ctrl-C reaches us, and does not cut off what Cloudflare is being told.
 *
 * @throws Error of one line when it fails.
 */
export async function wranglerToItsEnd(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return printed(status, stdout, stderr);
}

function printed(status: number | null, stdout: string, stderr: string): string {
  if (status === 0) return stripVTControlCharacters(stdout);
  throw new Error(failureIn(`${stderr}\n${stdout}`) ?? `wrangler ended with ${status}`);
}

/**
 * What went wrong, of what wrangler printed, in one line; what Cloudflare's API itself said stands below wrangler's word,
 * with its code.
 */
export function failureIn(printed: string): string | undefined {
  const output = stripVTControlCharacters(printed);
  const [, error, asJson] = /\[ERROR\]\s*(.+:\n\s*\S.*|.+)|"text": "(.+)"/.exec(output) ?? [];
  const told = error?.replace(/\s+/g, ' ');
  if (told === undefined) return asJson;
  if (/CLOUDFLARE_API_TOKEN|Not logged in/.test(told)) {
    return 'Wrangler is not signed in: npx wrangler login, or set CLOUDFLARE_API_TOKEN.';
  }
  const [reason] = /\S.* \[code: \d+\]$/m.exec(output) ?? [];
  return reason === undefined ? told : `${told} ${reason}`;
}
