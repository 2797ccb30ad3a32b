import { piecesOf } from '../../shared/pieces.ts';
import { parseQueueName } from '../../shared/queue-name.ts';
import type { Plan } from '../deliver.ts';
import type { Env } from '../env.ts';
import { withoutContent } from './without-content.ts';

/** A message that cannot be used, and why. */
export interface DeadLetter {
  message: Message;
  reason: string;
}

/**
 * A queue's message has at most 128 KB, and more only where a structured clone unfolds. Written twice
 * as JSON, this many UTF-16 units take at most 800 KB of the 2 MB that D1 takes as one value.
 */
const BODY_MAX_CHARS = 200_000;
/** Half of what D1 takes as one value, and more than the largest row. */
const ROWS_MAX_BYTES = 1_000_000;

const STORE = `
  INSERT INTO dead_letters (id, queue, body, reason, attempts, created_at, stored_at)
  SELECT value->>'id', ?2, value->>'body', value->>'reason', value->>'attempts', value->>'created_at', ?3
    FROM json_each(?1)
   WHERE true
  ON CONFLICT (id) DO NOTHING`;

/** Messages of a dead-letter queue are kept in D1. While D1 is down they wait in the queue. */
export function keepGivenUp({ DB }: Env, queue: string, messages: readonly Message[]): Plan {
  return keep(DB, queue, messages, 'given up by its queue after all retries');
}

/** A queue that is bound to this worker and unknown to it loses nothing either. */
export function keepUnknown({ DB }: Env, queue: string, messages: readonly Message[]): Plan {
  return keep(DB, queue, messages, 'no handler for this queue');
}

function keep(db: D1Database, queue: string, messages: readonly Message[], reason: string): Plan {
  const letters = messages.map((message) => ({ message, reason }));
  return { statements: deadLetterStatements(db, queue, letters), deadLetters: letters.length };
}

/**
 * The statements that keep dead letters, those of analytics without content: none for none, else one, and one
 * more for each megabyte of bodies. Keeping a message again changes nothing.
 */
export function deadLetterStatements(
  db: D1Database,
  queue: string,
  letters: readonly DeadLetter[],
): D1PreparedStatement[] {
  const ofAnalytics = parseQueueName(queue)?.source === 'analytics';
  const rows = letters.map(({ message, reason }) =>
    JSON.stringify({
      id: message.id,
      body: bodyJson(ofAnalytics ? withoutContent(message.body) : message.body),
      reason,
      attempts: message.attempts,
      created_at: message.timestamp.getTime(),
    }),
  );
  const storedAt = Date.now();
  return piecesOf(rows, (row) => row, ROWS_MAX_BYTES).map((piece) =>
    db.prepare(STORE).bind(`[${piece.join(',')}]`, queue, storedAt),
  );
}

/**
 * A message's body as JSON; the beginning of it as a JSON string if it is too long; and a JSON string
 * that says so if JSON cannot express it. Bodies sent as JSON, and ours all are, come out as they went in.
 */
export function bodyJson(body: unknown): string {
  try {
    const json = JSON.stringify(body) ?? JSON.stringify(`not expressible in JSON: ${typeof body}`);
    return json.length <= BODY_MAX_CHARS ? json : JSON.stringify(json.slice(0, BODY_MAX_CHARS));
  } catch (error) {
    return JSON.stringify(`not expressible in JSON: ${error}`);
  }
}
