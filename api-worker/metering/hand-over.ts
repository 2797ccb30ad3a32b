import pRetry from 'p-retry';
import type { AnalyticsEvent } from '../../shared/analytics-event.ts';
import { runTransaction } from '../../shared/d1.ts';
import { ledgerStatements } from '../../shared/ledger.ts';
import { billedBy } from '../../shared/pricing.ts';
import type { UsageEvent } from '../../shared/usage-event.ts';
import type { Env } from '../env.ts';
import { describe, logLine } from '../http/log.ts';
import type { Undelivered } from '../limits/books-storage.ts';
import { within } from '../within.ts';

/**
 * All of it, and asking the upstream for a cost before, within the 30 s that `waitUntil` leaves after the response: so
 * one that hangs is not tried again.
 */
const SEND_RETRIES = { retries: 2, minTimeout: 100, maxTimeout: 1000, randomize: true };
/** What has not answered by then is taken to have refused: should it have taken the event, that does no harm. */
const SEND_TIMEOUT_MS = 4_000;
const WRITE_TIMEOUT_MS = 5_000;

/** Keeps an event that its queue would not take, until it does. Rejects when it cannot. */
type Keep = (undelivered: Undelivered) => Promise<void>;

/**
 * Hands a finished request's usage to the ledger: by the queue; if that refuses, straight into D1 by the
 * same idempotent statements; and if D1 does, too, by the account's own object. Only if all three are
 * out of reach, the event stands in the log alone.
 *
 * @returns whether any of them has it. Never rejects; belongs into `waitUntil`.
 */
export async function handOverUsage(env: Env, event: UsageEvent, keep: Keep): Promise<boolean> {
  const { request_id } = event;
  const ways: readonly [string, () => Promise<unknown>][] = [
    ['usage_queue_refused', () => sent(env.USAGE_QUEUE, event)],
    [
      'usage_not_written',
      () => within(WRITE_TIMEOUT_MS, runTransaction(env.DB, ledgerStatements(env.DB, [billedBy(event)]))),
    ],
    ['usage_not_kept', () => keep({ queue: 'usage', event })],
  ];
  for (const [failed, way] of ways) {
    try {
      await way();
      return true;
    } catch (error) {
      logLine('error', { event: failed, request_id, error: describe(error) });
    }
  }
  logLine('error', { event: 'usage_event_not_stored', usage: event });
  return false;
}

/** Hands a finished request to analytics: by the queue, or else by the account's object. Never rejects. */
export async function handOverAnalytics(env: Env, event: AnalyticsEvent, keep: Keep): Promise<void> {
  await sent(env.ANALYTICS_QUEUE, event)
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

function sent(queue: Queue, event: UsageEvent | AnalyticsEvent): Promise<unknown> {
  return within(
    SEND_TIMEOUT_MS,
    pRetry(() => queue.send(event), SEND_RETRIES),
  );
}
