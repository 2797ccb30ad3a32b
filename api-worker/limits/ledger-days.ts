import type { Used } from './books.ts';
import { dayOf } from './periods.ts';

const DAYS = `
  SELECT day, sum(requests) AS requests, sum(input_tokens + output_tokens) AS tokens, sum(cost_nano_usd) AS cost_nano_usd
    FROM usage_rollups_daily
   WHERE user_id = ?1 AND day >= ?2 AND day < ?3
   GROUP BY day`;

/** Corrections are rows of their own. */
const PRICED = `
  SELECT request_id, created_at, sum(cost_nano_usd) AS cost_nano_usd
    FROM usage_logs
   WHERE request_id IN (SELECT value FROM json_each(?1))
   GROUP BY request_id
  HAVING sum(unpriced_attempts) = 0 AND sum(cost_nano_usd) IS NOT NULL`;

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

/** A request whose cost the ledger knows for certain. */
export interface Priced {
  request_id: string;
  created_at: number;
  cost_nano_usd: number;
}

/** Those of some requests whose cost the ledger knows for certain, by UTC day. */
export async function readPriced(db: D1Database, requestIds: readonly string[]): Promise<Map<number, Priced[]>> {
  if (requestIds.length === 0) return new Map();
  const { results } = await db.prepare(PRICED).bind(JSON.stringify(requestIds)).all<Priced>();
  return Map.groupBy(results, ({ created_at }) => dayOf(created_at));
}
