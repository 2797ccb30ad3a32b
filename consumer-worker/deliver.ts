import { d1Trouble, runTransaction } from '../shared/d1.ts';
import { reportException } from './analytics/report-exception.ts';
import { keepAtLastDelivery } from './dead-letters/last-delivery.ts';
import type { Env } from './env.ts';
import { giveBack } from './give-back.ts';
import { logBatch } from './log.ts';

/** What messages ask to be written, and how many of them become dead letters by it. */
export interface Plan {
  /** For one transaction, idempotent: they may run again, and be split over other parts of a batch. */
  statements: D1PreparedStatement[];
  deadLetters: number;
  /** What follows once they are written, before anything is acknowledged. Never rejects. */
  afterwards?(): Promise<void>;
  /** Messages that are to come again though they were written, and the seconds that they rest until then. */
  again?: ReadonlyMap<Message, number>;
}

/** A queue's purpose: the plan for any part of one of its batches. Throws what D1 throws. */
export type Planner = (env: Env, queue: string, messages: readonly Message[]) => Plan | Promise<Plan>;

/**
 * Brings a batch into D1:
 * 1. plan all messages and write them in one transaction, again at once after a transient failure;
 * 2. acknowledge each. Last, so that a crash before leads to a second delivery, which changes nothing;
 * 3. D1 down or overloaded: give everything back, to rest;
 * 4. anything else: one message may fail the others, so each is written alone and fails alone; at its last
 *    delivery it becomes a dead letter.
 *
 * Never throws: a throw would bring back what was acknowledged.
 */
export async function deliver(batch: MessageBatch, env: Env, plan: Planner): Promise<void> {
  const { queue, messages } = batch;
  const counts = { written: 0, dead_letters: 0, retried: 0 };
  const startedAt = Date.now();

  const write = async (part: readonly Message[]): Promise<void> => {
    const { statements, deadLetters, afterwards, again } = await plan(env, queue, part);
    if (statements.length > 0) await runTransaction(env.DB, statements);
    await afterwards?.();
    for (const message of part) {
      const delaySeconds = again?.get(message);
      if (delaySeconds === undefined) message.ack();
      else message.retry({ delaySeconds });
    }
    counts.retried += again?.size ?? 0;
    counts.written += part.length - deadLetters - (again?.size ?? 0);
    counts.dead_letters += deadLetters;
  };
  const rest = (part: readonly Message[]): void => {
    giveBack(queue, part);
    counts.retried += part.length;
  };
  const failed = async (message: Message, failure: unknown): Promise<void> => {
    if (!(await keepAtLastDelivery(env.DB, queue, message, failure))) return rest([message]);
    message.ack();
    counts.dead_letters += 1;
  };

  let error: unknown;
  try {
    await write(messages);
  } catch (failure) {
    error = failure;
    const [first] = messages;
    if (d1Trouble(failure) !== 'other' || !first) rest(messages);
    else if (messages.length === 1) await failed(first, failure);
    else await writeEach(messages, write, rest, failed);
  }
  if (error !== undefined && d1Trouble(error) === 'other') await reportException(env, error, { path: queue });
  logBatch({ queue, startedAt, messages: messages.length, ...counts, error });
}

/** Writes each message in a transaction of its own, until D1 itself is in trouble. */
async function writeEach(
  messages: readonly Message[],
  write: (part: readonly Message[]) => Promise<void>,
  rest: (part: readonly Message[]) => void,
  failed: (message: Message, failure: unknown) => Promise<void>,
): Promise<void> {
  for (const [index, message] of messages.entries()) {
    try {
      await write([message]);
    } catch (failure) {
      if (d1Trouble(failure) !== 'other') return rest(messages.slice(index));
      await failed(message, failure);
    }
  }
}
