import type { D1Database } from '@cloudflare/workers-types';
import { usageEvent } from './usage-event.ts';

/** A dead letter as a test may want it; the rest of it is that of a usage event that its queue has given up. */
interface Given {
  id?: string;
  queue?: string;
  body?: unknown;
  reason?: string;
  state?: 'stuck' | 'replayed' | 'discarded';
  /** Unix ms, when the message was sent. */
  created_at?: number;
}

let stored = 0;

/** Stores dead letters as the consumer worker does; returns their ids. */
export async function storeDeadLetters(db: D1Database, letters: readonly Given[]): Promise<string[]> {
  const rows = letters.map((given) => ({
    id: `letter-${String(++stored).padStart(6, '0')}`,
    queue: 'openai-api-usage-dead-letters',
    body: usageEvent(),
    reason: 'given up by its queue after all retries',
    state: 'stuck',
    created_at: Date.now(),
    ...given,
  }));
  await db
    .prepare(
      `INSERT INTO dead_letters (id, queue, body, reason, attempts, state, created_at, stored_at)
       SELECT value->>'id', value->>'queue', value->>'json', value->>'reason', 1, value->>'state', value->>'created_at', ?2
         FROM json_each(?1)`,
    )
    .bind(JSON.stringify(rows.map(({ body, ...row }) => ({ ...row, json: JSON.stringify(body) }))), Date.now())
    .run();
  return rows.map(({ id }) => id);
}
