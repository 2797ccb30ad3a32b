import { d1Trouble, runTransaction } from '../shared/d1.ts';
import { ledgerStatements } from '../shared/ledger.ts';
import { UsageEvent } from '../shared/usage-event.ts';
import { type DeadLetter, deadLetterStatement } from './dead-letters.ts';
import type { Env } from './env.ts';
import { giveBack } from './give-back.ts';
import { logBatch } from './log.ts';
import { sortMessages, type Valid } from './sort.ts';

/**
 * Enters a batch of usage events into the ledger:
 * 1. sort out what is no usage event;
 * 2. write events, rollups and dead letters in one transaction;
 * 3. acknowledge; or, when D1 could not write, give everything back. Acknowledging comes last:
 *    a crash in between leads to a second delivery, which changes nothing.
 *
 * Never throws: a throw would bring back what was acknowledged.
 */
export async function bill(batch: MessageBatch, env: Env): Promise<void> {
  const startedAt = Date.now();
  const { valid, dead } = sortMessages(batch.messages, UsageEvent);
  const counts = { queue: batch.queue, startedAt, messages: batch.messages.length };
  try {
    await write(env.DB, batch.queue, valid, dead);
    batch.ackAll();
    logBatch({ ...counts, written: valid.length, dead_letters: dead.length });
  } catch (error) {
    if (d1Trouble(error) !== 'other' || batch.messages.length === 1) {
      giveBack(batch.messages);
      logBatch({ ...counts, retried: batch.messages.length, error });
      return;
    }
    const { written, kept, retried } = await writeEach(env.DB, batch.queue, valid, dead);
    logBatch({ ...counts, written, dead_letters: kept, retried, error });
  }
}

function write(
  db: D1Database,
  queue: string,
  valid: readonly Valid<UsageEvent>[],
  dead: readonly DeadLetter[],
): Promise<void> {
  const statements =
    valid.length > 0
      ? ledgerStatements(
          db,
          valid.map(({ event }) => event),
        )
      : [];
  if (dead.length > 0) statements.push(deadLetterStatement(db, queue, dead));
  return runTransaction(db, statements);
}

/** One message refused by the database fails the whole transaction; each in its own, it fails alone. */
async function writeEach(
  db: D1Database,
  queue: string,
  valid: readonly Valid<UsageEvent>[],
  dead: readonly DeadLetter[],
): Promise<{ written: number; kept: number; retried: number }> {
  const counts = { written: 0, kept: 0, retried: 0 };
  const alone = async (message: Message, kind: 'written' | 'kept', work: Promise<void>) => {
    try {
      await work;
      message.ack();
      counts[kind] += 1;
    } catch {
      giveBack([message]);
      counts.retried += 1;
    }
  };
  for (const one of valid) await alone(one.message, 'written', write(db, queue, [one], []));
  for (const letter of dead) await alone(letter.message, 'kept', write(db, queue, [], [letter]));
  return counts;
}
