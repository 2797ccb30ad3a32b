import type { Used } from './books.ts';
import { dayOf } from './periods.ts';

const DAYS = `
  SELECT day, sum(requests) AS requests, sum(input_tokens + output_tokens) AS tokens, sum(cost_nano_usd) AS cost_nano_usd
    FROM usage_rollups_daily
   WHERE user_id = ?1 AND day >= ?2 AND day < ?3
   GROUP BY day`;

const PRICED = `
  SELECT request_id, created_at
    FROM usage_logs
   WHERE request_id IN (SELECT value FROM json_each(?1)) AND cost_nano_usd IS NOT NULL AND unpriced_attempts = 0`;

/** An account's sums by UTC day as the rollups have them, from `from` up to `to`, Unix ms. */
export async function readLedgerDays(
  db: D1Database,
  userId: string,
  from: number,
  to: number,
): Promise<Map<number, Used>> {
  const { results } = await db.prepare(DAYS).bind(userId, from, to).all<Used & { day: number }>();
  return new Map(results.map(({ day, ...used }) => [day, used]));
}

/** Those of some requests whose cost the ledger knows, by UTC day. */
export async function readPriced(db: D1Database, requestIds: readonly string[]): Promise<Map<number, string[]>> {
  if (requestIds.length === 0) return new Map();
  const { results } = await db
    .prepare(PRICED)
    .bind(JSON.stringify(requestIds))
    .all<{ request_id: string; created_at: number }>();
  const byDay = Map.groupBy(results, ({ created_at }) => dayOf(created_at));
  return new Map([...byDay].map(([day, rows]) => [day, rows.map(({ request_id }) => request_id)]));
}
