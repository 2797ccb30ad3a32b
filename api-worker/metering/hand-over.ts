import pRetry from 'p-retry';
import type { AnalyticsEvent } from '../../shared/analytics-event.ts';
import { runTransaction } from '../../shared/d1.ts';
import { ledgerStatements } from '../../shared/ledger.ts';
import { billedBy } from '../../shared/pricing.ts';
import type { UsageEvent } from '../../shared/usage-event.ts';
import type { Env } from '../env.ts';
import { describe, logLine } from '../http/log.ts';
import type { Undelivered } from '../limits/books-storage.ts';

/** Within the 30 s that `waitUntil` leaves after the response, with time for what comes after them. */
const SEND_RETRIES = { retries: 2, minTimeout: 100, maxTimeout: 1000, randomize: true };

/** Keeps an event that its queue would not take, until it does. Rejects when it cannot. */
type Keep = (undelivered: Undelivered) => Promise<void>;

/**
 * Hands a finished request's usage to the ledger: by the queue; if that refuses, straight into D1 by the
 * same idempotent statements; and if D1 does, too, by the account's own object. Only if all three are
 * out of reach, the event stands in the log alone.
 *
 * @returns never rejects; belongs into `waitUntil`.
 */
export async function handOverUsage(env: Env, event: UsageEvent, keep: Keep): Promise<void> {
  try {
    await pRetry(() => env.USAGE_QUEUE.send(event), SEND_RETRIES);
  } catch (refused) {
    const { request_id } = event;
    logLine('error', { event: 'usage_queue_refused', request_id, error: describe(refused) });
    await runTransaction(env.DB, ledgerStatements(env.DB, [billedBy(event)]))
      .catch((error: unknown) => {
        logLine('error', { event: 'usage_not_written', request_id, error: describe(error) });
        return keep({ queue: 'usage', event });
      })
      .catch((lost: unknown) =>
        logLine('error', { event: 'usage_event_not_stored', usage: event, error: describe(lost) }),
      );
  }
}

/** Hands a finished request to analytics: by the queue, or else by the account's object. Never rejects. */
export async function handOverAnalytics(env: Env, event: AnalyticsEvent, keep: Keep): Promise<void> {
  await pRetry(() => env.ANALYTICS_QUEUE.send(event), SEND_RETRIES)
    .catch((refused: unknown) => {
      logLine('error', {
        event: 'analytics_queue_refused',
        request_id: event.request_id,
        error: describe(refused),
      });
      return keep({ queue: 'analytics', event });
    })
    .catch((lost: unknown) =>
      logLine('error', { event: 'analytics_event_not_stored', request_id: event.request_id, error: describe(lost) }),
    );
}
