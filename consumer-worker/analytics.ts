import { AnalyticsEvent } from '../shared/analytics-event.ts';
import { runTransaction } from '../shared/d1.ts';
import { deadLetterStatement } from './dead-letters.ts';
import type { Env } from './env.ts';
import { giveBack } from './give-back.ts';
import { logBatch } from './log.ts';
import { sortMessages } from './sort.ts';

/** Counts analytics events, in the log; what is none becomes a dead letter. */
export async function countAnalytics(batch: MessageBatch, env: Env): Promise<void> {
  const startedAt = Date.now();
  const { valid, dead } = sortMessages(batch.messages, AnalyticsEvent);
  const counts = { queue: batch.queue, startedAt, messages: batch.messages.length, written: valid.length };
  for (const { message } of valid) message.ack();
  if (dead.length === 0) return logBatch(counts);
  const messages = dead.map(({ message }) => message);
  try {
    await runTransaction(env.DB, [deadLetterStatement(env.DB, batch.queue, dead)]);
    for (const message of messages) message.ack();
    logBatch({ ...counts, dead_letters: dead.length });
  } catch (error) {
    giveBack(messages);
    logBatch({ ...counts, retried: dead.length, error });
  }
}
