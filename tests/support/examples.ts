import { readFileSync } from 'node:fs';
import { openLocalDatabase } from '../../scripts/local-database.ts';
import { eventually } from './eventually.ts';
import { type LocalSystem, startLocal } from './start.ts';

/** What docs/examples/README.md says is to be typed. */
export const EXAMPLE_COMMANDS = [
  ...readFileSync('docs/examples/README.md', 'utf8').matchAll(/^\| \[.+?\| `(.+?)` \|/gm),
].map(([, command = '']) => command);

/** So many words the simulator says, each a token. */
export const EXAMPLE_WORDS = 20;

/** What the ledger's row of an example's request has. */
export const EXAMPLE_ROW = {
  model: 'openai/gpt-5-mini-2025-08-07',
  status: 200,
  finish_reason: 'stop',
  output_tokens: EXAMPLE_WORDS,
  usage_source: 'provider',
};

/** `npm start`'s system, in front of a simulated upstream that speaks as slowly as there. */
export function startForExamples(vars: Record<string, string> = {}): Promise<LocalSystem> {
  return startLocal(vars, undefined, { upstream: { gapMs: 20, chunks: EXAMPLE_WORDS } });
}

/** The request ids that an example tells. */
export function requestIdsIn(text: string): string[] {
  return [...text.matchAll(/x-request-id:? ([0-9a-f-]{36})/g)].map(([, id = '']) => id);
}

/** The ledger's row of a request, by our id of it or the upstream's, once it is there. */
export async function localLedgerRow(
  { stateDir }: LocalSystem,
  column: 'request_id' | 'generation_id',
  id: string | undefined,
): Promise<Record<string, unknown>> {
  const database = openLocalDatabase(stateDir);
  try {
    const query = database.prepare(`SELECT * FROM usage_logs WHERE ${column} = ?`);
    return await eventually(async () => query.get(id ?? '') ?? null, 20_000);
  } finally {
    database.close();
  }
}
