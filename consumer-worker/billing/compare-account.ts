import * as z from 'zod';
import { nanoToUsd, usdToNano } from '../../shared/money.ts';
import type { Env } from '../env.ts';

const TIMEOUT_MS = 10_000;
const DAY_MS = 86_400_000;

/** The part of GET /key that is read: https://openrouter.ai/docs/api-reference/limits */
const KeyAnswer = z.object({
  data: z.object({
    /** Dollars that the key has spent since it was made. */
    usage: z.number().transform((usd, context) => {
      const nano = usdToNano(usd);
      if (nano !== null) return nano;
      context.addIssue('not an amount of dollars');
      return z.NEVER;
    }),
  }),
});

/** The first comparison of a UTC day counts: those after it find it there. Bound to (now, upstream, start of the day). */
const RECORD = `
  INSERT INTO account_comparisons (compared_at, upstream_nano_usd, ledger_nano_usd, difference_nano_usd, drift_nano_usd)
  SELECT ?1, upstream, ledger, upstream - ledger,
         upstream - ledger - coalesce(
           (SELECT difference_nano_usd FROM account_comparisons WHERE compared_at < ?1 ORDER BY compared_at DESC LIMIT 1),
           upstream - ledger)
    FROM (SELECT CAST(?2 AS INTEGER) AS upstream, coalesce(sum(cost_nano_usd), 0) AS ledger FROM usage_rollups_daily)
   WHERE NOT EXISTS (SELECT 1 FROM account_comparisons WHERE compared_at >= ?3 AND compared_at < ?3 + ${DAY_MS})
  ON CONFLICT DO NOTHING
  RETURNING upstream_nano_usd, ledger_nano_usd, difference_nano_usd, drift_nano_usd`;

/**
 * Records how far the ledger is from the upstream's own account of us, once a UTC day however often it
 * runs. Requests that are in flight or wait in a queue are known to one and not yet to the other, so that
 * a small difference comes and goes; what stays is what was lost or priced wrongly.
 *
 * @returns the day's comparison in dollars, or why there is none.
 * @throws when the upstream does not tell.
 */
export async function compareAccount(env: Env, now: number): Promise<Record<string, unknown>> {
  if (!env.OPENROUTER_API_KEY) return { skipped: 'no OPENROUTER_API_KEY' };
  const upstream = await usageOfKey(env.UPSTREAM_BASE_URL, env.OPENROUTER_API_KEY);
  const row = await env.DB.prepare(RECORD)
    .bind(now, upstream, now - (now % DAY_MS))
    .first<Record<string, number>>();
  if (!row) return { skipped: 'compared today already' };
  return Object.fromEntries(
    Object.entries(row).map(([column, nano]) => [column.replace('_nano_usd', '_usd'), nanoToUsd(nano)]),
  );
}

/** What the upstream says that our key has spent, nano-dollars. */
async function usageOfKey(baseUrl: string, key: string): Promise<number> {
  const response = await fetch(`${baseUrl}/key`, {
    headers: { authorization: `Bearer ${key}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`GET /key: the upstream answered ${response.status}.`);
  }
  const answer = KeyAnswer.safeParse(await response.json());
  if (!answer.success) throw new Error('GET /key: the upstream told no usage.');
  return answer.data.data.usage;
}
