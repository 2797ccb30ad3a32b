import { runTransaction } from '../shared/d1.ts';
import type { Env } from './env.ts';
import { giveBack } from './give-back.ts';
import { logBatch } from './log.ts';

/** A message that cannot be used, and why. */
export interface DeadLetter {
  message: Message;
  reason: string;
}

const STORE = `
  INSERT INTO dead_letters (id, queue, body, reason, attempts, created_at, stored_at)
  SELECT value->>'id', ?2, value->>'body', value->>'reason', value->>'attempts', value->>'created_at', ?3
    FROM json_each(?1)
   WHERE true
  ON CONFLICT (id) DO NOTHING`;

/** The statement that keeps dead letters, one however many; keeping them again changes nothing. */
export function deadLetterStatement(
  db: D1Database,
  queue: string,
  letters: readonly DeadLetter[],
): D1PreparedStatement {
  const rows = letters.map(({ message, reason }) => ({
    id: message.id,
    // A body that JSON cannot express is kept as null: its id and reason still tell of it.
    body: JSON.stringify(message.body) ?? 'null',
    reason,
    attempts: message.attempts,
    created_at: message.timestamp.getTime(),
  }));
  return db.prepare(STORE).bind(JSON.stringify(rows), queue, Date.now());
}

/** Drains a dead-letter queue into D1. While D1 is down its messages wait in the queue. */
export async function storeDeadLetters(batch: MessageBatch, env: Env): Promise<void> {
  const startedAt = Date.now();
  const letters = batch.messages.map((message) => ({ message, reason: 'given up by its queue after all retries' }));
  try {
    await runTransaction(env.DB, [deadLetterStatement(env.DB, batch.queue, letters)]);
    batch.ackAll();
    logBatch({ queue: batch.queue, startedAt, messages: letters.length, dead_letters: letters.length });
  } catch (error) {
    giveBack(batch.messages);
    logBatch({ queue: batch.queue, startedAt, messages: letters.length, retried: letters.length, error });
  }
}
