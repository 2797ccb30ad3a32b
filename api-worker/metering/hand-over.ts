import pRetry from 'p-retry';
import type { AnalyticsEvent } from '../../shared/analytics-event.ts';
import { runTransaction } from '../../shared/d1.ts';
import { ledgerStatements } from '../../shared/ledger.ts';
import type { UsageEvent } from '../../shared/usage-event.ts';
import type { Env } from '../env.ts';
import { describe, logLine } from '../http/log.ts';

/** Within the 30 s that `waitUntil` leaves after the response, with time for D1 after them. */
const SEND_RETRIES = { retries: 2, minTimeout: 100, maxTimeout: 1000, randomize: true };

/**
 * Hands a finished request's usage to the ledger: by the queue, and if that refuses, straight into D1
 * by the statements that the consumer uses, so that the event may arrive by both ways and counts once.
 * If D1 refuses too, the event stands in the log, whole.
 *
 * @returns never rejects; belongs into `waitUntil`.
 */
export async function handOverUsage(env: Env, event: UsageEvent): Promise<void> {
  try {
    await pRetry(() => env.USAGE_QUEUE.send(event), SEND_RETRIES);
  } catch (refused) {
    logLine('error', { event: 'usage_queue_refused', request_id: event.request_id, error: describe(refused) });
    await runTransaction(env.DB, ledgerStatements(env.DB, [event])).catch((lost: unknown) =>
      logLine('error', { event: 'usage_event_not_stored', usage: event, error: describe(lost) }),
    );
  }
}

/** Hands a finished request to analytics, where a loss is logged and costs nothing. Never rejects. */
export async function handOverAnalytics(env: Env, event: AnalyticsEvent): Promise<void> {
  await pRetry(() => env.ANALYTICS_QUEUE.send(event), SEND_RETRIES).catch((refused: unknown) =>
    logLine('error', { event: 'analytics_queue_refused', request_id: event.request_id, error: describe(refused) }),
  );
}
