import { ADD_UP, ROLLUPS } from './ledger.ts';
import { SUMS } from './ledger-columns.ts';
import type { OwnPriced, PriceState } from './pricing.ts';

/** An attempt as `unpriced_attempts` holds it. */
export type AttemptRow = OwnPriced & {
  request_id: string;
  attempt: number;
  revision: number;
  asked: number;
  created_at: number;
};

/** What is now known of an attempt. */
export interface Correction {
  from: AttemptRow;
  /** What brought it to light: begins the name of the ledger row. */
  by: 'reconciled' | 'rerated';
  to: Pick<
    AttemptRow,
    'input_tokens' | 'output_tokens' | 'cached_tokens' | 'cache_write_tokens' | 'reasoning_tokens' | 'cost_nano_usd'
  > & { state: PriceState; usage_source: 'provider' | 'reconciled' | 'estimated' };
}

const TOKENS = [
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
] as const satisfies readonly (typeof SUMS)[number][];
const CERTAIN: readonly PriceState[] = ['reconciled', 'priced'];

/** Corrections of attempts as they are, not as they were when the correction was made out; of requests in the ledger. */
const CURRENT = `
    FROM json_each(?1)
    JOIN unpriced_attempts AS attempt
      ON attempt.request_id = value->>'request_id' AND attempt.attempt = value->>'attempt'
     AND attempt.revision = value->>'revision'
    JOIN usage_logs AS row ON row.request_id = attempt.request_id AND row.adjustment = ''`;

const [HOURLY, DAILY] = ROLLUPS.map(
  ([table, period, periodMs]) => `
  INSERT INTO ${table} (user_id, ${period}, key_id, model, requests, errors, ${SUMS.join(', ')})
  SELECT row.user_id, row.created_at / ${periodMs} * ${periodMs}, row.key_id, coalesce(row.model, row.requested_model), 0, 0,
         ${SUMS.map((column) => `coalesce(sum(value->>'${column}'), 0)`).join(', ')}
  ${CURRENT}
   GROUP BY 1, 2, 3, 4
  ${ADD_UP}`,
) as [string, string];

const LEDGER = `
  INSERT INTO usage_logs (request_id, adjustment, user_id, key_id, endpoint, requested_model, model, provider,
                          generation_id, status, usage_source, latency_ms, attempts, created_at, recorded_at,
                          ${SUMS.join(', ')})
  SELECT row.request_id, value->>'adjustment', row.user_id, row.key_id, row.endpoint, row.requested_model, row.model,
         row.provider, attempt.generation_id, row.status, value->>'usage_source', 0, 0, row.created_at, ?2,
         ${SUMS.map((column) => `value->>'${column}'`).join(', ')}
  ${CURRENT}
  ON CONFLICT DO NOTHING`;

const ATTEMPT = `
  UPDATE unpriced_attempts
     SET ${[...TOKENS, 'cost_nano_usd', 'state', 'usage_source'].map((column) => `${column} = value->>'$.to.${column}'`).join(', ')},
         revision = unpriced_attempts.revision + 1,
         updated_at = ?2
    FROM json_each(?1)
   WHERE unpriced_attempts.request_id = value->>'request_id' AND unpriced_attempts.attempt = value->>'attempt'
     AND unpriced_attempts.revision = value->>'revision'
     AND EXISTS (SELECT 1 FROM usage_logs WHERE request_id = value->>'request_id' AND adjustment = '')`;

/**
 * The statements that correct the ledger and its rollups by what is now known of attempts: a row for
 * each correction with the differences. None for none. Run them in one `db.batch()`. A correction
 * happens once, however often and by however many it is run: it is bound to the attempt's revision.
 *
 * @param corrections one an attempt at most.
 * @param now Unix ms.
 */
export function adjustmentStatements(
  db: D1Database,
  corrections: readonly Correction[],
  now: number = Date.now(),
): D1PreparedStatement[] {
  if (corrections.length === 0) return [];
  const json = JSON.stringify(corrections.map(adjustmentOf));
  return [
    db.prepare(HOURLY).bind(json),
    db.prepare(DAILY).bind(json),
    db.prepare(LEDGER).bind(json, now),
    db.prepare(ATTEMPT).bind(json, now),
  ];
}

/** What a correction changes in the ledger: differences, named as its columns; null where nothing is known. */
function adjustmentOf({ from, by, to }: Correction) {
  const cost = difference(from.cost_nano_usd, to.cost_nano_usd);
  return {
    request_id: from.request_id,
    attempt: from.attempt,
    revision: from.revision,
    adjustment: `${by} ${from.attempt}.${from.revision + 1}`,
    ...Object.fromEntries(TOKENS.map((name) => [name, difference(from[name], to[name])])),
    cost_nano_usd: cost,
    extra_cost_nano_usd: from.relayed ? 0 : (cost ?? 0),
    unpriced_attempts: Number(CERTAIN.includes(from.state)) - Number(CERTAIN.includes(to.state)),
    usage_source: to.usage_source,
    to,
  };
}

/** Null where nobody knew and nobody knows: a 0 would make a sum over the request's rows a known one. */
function difference(from: number | null, to: number | null): number | null {
  return from === null && to === null ? null : (to ?? 0) - (from ?? 0);
}
