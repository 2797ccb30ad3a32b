import { type Bucket, percentile } from '../../shared/latency.ts';
import { nanoToUsd } from '../../shared/money.ts';
import type { Env } from '../env.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_HOURS = 7 * 24;
/** What an hour costs at least where a jump is looked for: a second penny after the first is no news. */
const USUAL_HOUR_AT_LEAST_NANO_USD = 1_000_000_000;

/** Percent of requests that failed, in the last hour that tells (see {@link lastTelling}); null: none does. */
export async function errorRate(env: Env, now: number): Promise<number | null> {
  const { results } = await env.DB.prepare(
    `SELECT hour, sum(requests) AS requests, sum(errors) AS errors
       FROM usage_rollups_hourly
      WHERE hour BETWEEN ?1 AND ?2
      GROUP BY hour`,
  )
    .bind(startOfHour(now) - HOUR_MS, startOfHour(now))
    .all<{ hour: number; requests: number; errors: number }>();
  const [row] = lastTelling(env, results);
  return row ? (100 * row.errors) / row.requests : null;
}

/** The time that 95 of 100 requests did not pass, ms, in the last hour that tells; null: none does. */
export async function latencyP95(env: Env, now: number): Promise<number | null> {
  const { results } = await env.DB.prepare(
    `SELECT hour, up_to_ms, sum(requests) AS requests
       FROM usage_latency_hourly
      WHERE hour BETWEEN ?1 AND ?2 AND measure = 'latency'
      GROUP BY hour, up_to_ms`,
  )
    .bind(startOfHour(now) - HOUR_MS, startOfHour(now))
    .all<Bucket & { hour: number }>();
  return percentile(lastTelling(env, results), 0.95);
}

/** How many messages wait in the fullest queue; null where no queue tells. */
export async function queueBacklog({ USAGE_QUEUE, ANALYTICS_QUEUE, RECONCILE_QUEUE }: Env): Promise<number | null> {
  const asked = await Promise.allSettled(
    // Not every runtime has the method: a failure to call it is one of the queue.
    [USAGE_QUEUE, ANALYTICS_QUEUE, RECONCILE_QUEUE].map(async (queue) => (await queue.metrics()).backlogCount),
  );
  const told = asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  return told.length > 0 ? Math.max(...told) : null;
}

/** Messages that were given up by their queue or their schema and wait for somebody to look at them. */
export async function deadLetters({ DB }: Env): Promise<number | null> {
  return number(DB.prepare("SELECT count(*) AS value FROM dead_letters WHERE state = 'stuck'"));
}

/** The terms of a partial index, which SQLite takes only if they stand in the query as they stand there. */
const OPEN = "state IN ('pending', 'no_price', 'given_up')";

/** Attempts that cost something, and nobody knows the price. */
export async function missingPrices({ DB }: Env): Promise<number | null> {
  return number(
    DB.prepare("SELECT count(*) AS value FROM unpriced_attempts WHERE cost_nano_usd IS NULL AND state <> 'pending'"),
  );
}

/** Attempts of the last day that the upstream should know and never told the cost of. */
export async function givenUp({ DB }: Env, now: number): Promise<number | null> {
  return number(
    DB.prepare(
      `SELECT count(*) AS value FROM unpriced_attempts
        WHERE ${OPEN} AND state = 'given_up' AND updated_at > ?1 AND generation_id IS NOT NULL`,
    ).bind(now - DAY_MS),
  );
}

/** What the last full hour cost, in average hours of the seven days before it. */
export async function spendJump({ DB }: Env, now: number): Promise<number | null> {
  const last = startOfHour(now) - HOUR_MS;
  const spent = await DB.prepare(
    `SELECT coalesce(sum(cost_nano_usd) FILTER (WHERE hour = ?2), 0) AS hour,
            coalesce(sum(cost_nano_usd) FILTER (WHERE hour < ?2), 0) AS week
       FROM usage_rollups_hourly
      WHERE hour BETWEEN ?1 AND ?2`,
  )
    .bind(last - WEEK_HOURS * HOUR_MS, last)
    .first<{ hour: number; week: number }>();
  return spent && spent.hour / Math.max(spent.week / WEEK_HOURS, USUAL_HOUR_AT_LEAST_NANO_USD);
}

/**
 * By how many dollars the ledger moved away from the upstream's account, or back, when last compared; null: never, or
 * not for two days, though it happens every night.
 */
export async function accountDrift({ DB }: Env, now: number): Promise<number | null> {
  const nano = await number(
    DB.prepare(
      `SELECT abs(drift_nano_usd) AS value FROM account_comparisons
        WHERE compared_at > ?1 ORDER BY compared_at DESC LIMIT 1`,
    ).bind(now - 2 * DAY_MS),
  );
  return nano === null ? null : Number(nanoToUsd(nano));
}

/**
 * The rows of the present hour, or of the one before while the present one has less than
 * ALERT_MIN_REQUESTS; none if that has less, too. A few requests say nothing of a rate.
 */
function lastTelling<T extends { hour: number; requests: number }>(env: Env, rows: readonly T[]): readonly T[] {
  const hours = [...Map.groupBy(rows, ({ hour }) => hour)].toSorted(([a], [b]) => b - a);
  const enough = Number(env.ALERT_MIN_REQUESTS) || 1;
  const sum = (list: readonly T[]) => list.reduce((total, { requests }) => total + requests, 0);
  return hours.find(([, list]) => sum(list) >= enough)?.[1] ?? [];
}

function startOfHour(ms: number): number {
  return ms - (ms % HOUR_MS);
}

/** The only value of a query; null without a row. */
async function number(query: D1PreparedStatement): Promise<number | null> {
  return query.first<number>('value');
}
