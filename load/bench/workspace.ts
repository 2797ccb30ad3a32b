import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of this process, which goes when it goes: Miniflare ends it on Ctrl-C, past every `finally`. */
export function workspace(): string {
  const dir = mkdtempSync(join(tmpdir(), 'openai-api-bench-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
