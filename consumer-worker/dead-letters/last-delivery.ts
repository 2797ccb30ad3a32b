import { runTransaction } from '../../shared/d1.ts';
import { describe } from '../log.ts';
import { type QueueRole, queueRole } from '../queue-role.ts';
import { deadLetterStatements } from './keep.ts';

/** `max_retries` in wrangler.consumer.toml of the queues that deliver.ts brings into D1 and that have a dead-letter queue. */
export const MAX_RETRIES: Partial<Record<QueueRole, number>> = { usage: 50, reconcile: 100 };

/**
 * Keeps a message that has failed by itself at its last delivery. Its dead-letter queue would bring it here,
 * too, but would know neither why it failed nor how often it was tried.
 *
 * @returns false if this is not its last delivery, or D1 does not take it as a dead letter either.
 */
export async function keepAtLastDelivery(
  db: D1Database,
  queue: string,
  message: Message,
  failure: unknown,
): Promise<boolean> {
  const retries = MAX_RETRIES[queueRole(queue)];
  if (retries === undefined || message.attempts <= retries) return false;
  try {
    const reason = `failed at its last delivery: ${describe(failure)}`;
    await runTransaction(db, deadLetterStatements(db, queue, [{ message, reason }]));
    return true;
  } catch {
    return false;
  }
}
