import { d1Trouble, runTransaction } from '../shared/d1.ts';
import { giveBack } from './give-back.ts';
import { logBatch } from './log.ts';

/** What messages ask to be written, and how many of them become dead letters by it. */
export interface Plan {
  /** For one transaction, idempotent: they may run again, and be split over other parts of a batch. */
  statements: D1PreparedStatement[];
  deadLetters: number;
}

/** A queue's purpose: the plan for any part of one of its batches. */
export type Planner = (db: D1Database, queue: string, messages: readonly Message[]) => Plan;

/**
 * Brings a batch into D1:
 * 1. plan all messages and write them in one transaction, again at once after a transient failure;
 * 2. acknowledge each. Last, so that a crash before leads to a second delivery, which changes nothing;
 * 3. D1 down or overloaded: give everything back, to rest;
 * 4. anything else: one message may fail the others, so each is written alone and fails alone.
 *
 * Never throws: a throw would bring back what was acknowledged.
 */
export async function deliver(batch: MessageBatch, db: D1Database, plan: Planner): Promise<void> {
  const { queue, messages } = batch;
  const counts = { written: 0, dead_letters: 0, retried: 0 };
  const startedAt = Date.now();

  const write = async (part: readonly Message[]): Promise<void> => {
    const { statements, deadLetters } = plan(db, queue, part);
    if (statements.length > 0) await runTransaction(db, statements);
    for (const message of part) message.ack();
    counts.written += part.length - deadLetters;
    counts.dead_letters += deadLetters;
  };
  const rest = (part: readonly Message[]): void => {
    giveBack(part);
    counts.retried += part.length;
  };

  let error: unknown;
  try {
    await write(messages);
  } catch (failure) {
    error = failure;
    if (d1Trouble(failure) !== 'other' || messages.length === 1) rest(messages);
    else await writeEach(messages, write, rest);
  }
  logBatch({ queue, startedAt, messages: messages.length, ...counts, error });
}

/** Writes each message in a transaction of its own, until D1 itself is in trouble. */
async function writeEach(
  messages: readonly Message[],
  write: (part: readonly Message[]) => Promise<void>,
  rest: (part: readonly Message[]) => void,
): Promise<void> {
  for (const [index, message] of messages.entries()) {
    try {
      await write([message]);
    } catch (failure) {
      if (d1Trouble(failure) !== 'other') return rest(messages.slice(index));
      rest([message]);
    }
  }
}
