import { periods } from '../../shared/periods.ts';
import type { Used } from './books.ts';
import { dayOf } from './periods.ts';

/** Bound to (from, to, user_id). */
const DAYS = `
  WITH RECURSIVE ${periods('usage_rollups_daily', 'day')}
  SELECT day, sum(requests) AS requests, sum(input_tokens + output_tokens) AS tokens, sum(cost_nano_usd) AS cost_nano_usd
    FROM periods JOIN usage_rollups_daily ON day = periods.at AND user_id = ?3
   GROUP BY day`;

const AT_ONCE = 10_000;

/** Corrections are rows of their own. */
const PRICED = `
  SELECT request_id, created_at, sum(cost_nano_usd) AS cost_nano_usd
    FROM usage_logs
   WHERE request_id IN (SELECT value FROM json_each(?1))
   GROUP BY request_id
  HAVING sum(cost_nano_usd) IS NOT NULL
     AND (sum(unpriced_attempts) = 0
          OR (created_at < ?2
              AND NOT EXISTS (SELECT 1 FROM unpriced_attempts AS attempt
                               WHERE attempt.request_id = usage_logs.request_id AND state = 'pending')))`;

/** An account's sums by UTC day as the rollups have them, from `from` up to `to`, Unix ms. */
export async function readLedgerDays(
  db: D1Database,
  userId: string,
  from: number,
  to: number,
): Promise<Map<number, Used>> {
  const { results } = await db.prepare(DAYS).bind(from, to, userId).all<Used & { day: number }>();
  return new Map(results.map(({ day, ...used }) => [day, used]));
}

/** A request whose cost the ledger knows, or will not come to know any better. */
export interface Priced {
  request_id: string;
  created_at: number;
  cost_nano_usd: number;
}

/**
 * Those of some requests whose cost the ledger knows, by UTC day.
 *
 * @param before Unix ms: of requests from before, an estimate that the upstream will not correct any more is taken, too.
 */
export async function readPriced(
  db: D1Database,
  requestIds: readonly string[],
  before: number,
): Promise<Map<number, Priced[]>> {
  const priced: Priced[] = [];
  for (let at = 0; at < requestIds.length; at += AT_ONCE) {
    const ids = JSON.stringify(requestIds.slice(at, at + AT_ONCE));
    priced.push(...(await db.prepare(PRICED).bind(ids, before).all<Priced>()).results);
  }
  return Map.groupBy(priced, ({ created_at }) => dayOf(created_at));
}
