import { latencyBucket } from './latency.ts';
import { LEDGER_COLUMNS, SUMS } from './ledger-columns.ts';
import { ManyRows } from './many-rows.ts';
import type { Billed } from './pricing.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The two rollups: table, column of its period, length of that in ms. */
export const ROLLUPS = [
  ['usage_rollups_hourly', 'hour', HOUR_MS],
  ['usage_rollups_daily', 'day', DAY_MS],
] as const;

/** The end of every statement that adds to a rollup. */
export const ADD_UP = `ON CONFLICT DO UPDATE SET ${['requests', 'errors', ...SUMS]
  .map((column) => `${column} = ${column} + excluded.${column}`)
  .join(', ')}`;

const NEW = `NOT EXISTS (SELECT 1 FROM usage_logs WHERE request_id = one.request_id AND adjustment = '')`;

/** A request that was taken for dead has a row that knows nothing; the row that tells it after all. */
export const TOLD_LATE = 'told late';
/** Its end is heard so long after its arrival, or never. */
const TAKEN_FOR_DEAD_MS = 4 * 60_000;
const IS_TOLD_LATE = `one.usage_source <> 'unknown'
   AND EXISTS (SELECT 1 FROM usage_logs
                WHERE request_id = one.request_id AND adjustment = '' AND usage_source = 'unknown' AND attempts = 0)
   AND NOT EXISTS (SELECT 1 FROM usage_logs WHERE request_id = one.request_id AND adjustment = '${TOLD_LATE}')`;

/** Adds the events that the ledger does not hold yet to a rollup; must run before {@link LEDGER}. */
const ADD_TO_ROLLUPS = ROLLUPS.map(
  ([table, period, periodMs]) =>
    new ManyRows<Entry>(
      ['request_id', 'user_id', 'key_id', 'rollup_model', 'status', 'created_at', ...SUMS],
      `INSERT INTO ${table} (user_id, ${period}, key_id, model, requests, errors, ${SUMS.join(', ')})
       SELECT user_id, created_at / ${periodMs} * ${periodMs}, key_id, rollup_model,
              count(*), sum(status >= 400 AND status <> 499),
              ${SUMS.map((column) => `coalesce(sum(${column}), 0)`).join(', ')}
         FROM one
        WHERE ${NEW}
        GROUP BY 1, 2, 3, 4
       ${ADD_UP}`,
    ),
);

/** Adds them to the histograms; must run before {@link LEDGER}, too. */
const LATENCY = new ManyRows<Entry>(
  ['request_id', 'user_id', 'key_id', 'rollup_model', 'created_at', 'latency_up_to_ms', 'ttft_up_to_ms'],
  `INSERT INTO usage_latency_hourly (user_id, hour, key_id, model, measure, up_to_ms, requests)
   SELECT user_id, created_at / ${HOUR_MS} * ${HOUR_MS}, key_id, rollup_model, measure.column1,
          CASE measure.column1 WHEN 'latency' THEN latency_up_to_ms ELSE ttft_up_to_ms END AS up_to_ms,
          count(*)
     FROM one, (VALUES ('latency'), ('ttft')) AS measure
    WHERE ${NEW} AND (measure.column1 = 'latency' OR ttft_up_to_ms IS NOT NULL)
    GROUP BY 1, 2, 3, 4, 5, 6
   ON CONFLICT DO UPDATE SET requests = requests + excluded.requests`,
);

/** What the row of a request that was told late lacks; the attempt that it was taken to have made is none any more. */
const LATE_SUMS = SUMS.map((column) =>
  column === 'unpriced_attempts' ? `one.${column} - row.unpriced_attempts` : `one.${column}`,
);
const LATE = `FROM one JOIN usage_logs AS row ON row.request_id = one.request_id AND row.adjustment = ''
  WHERE ${IS_TOLD_LATE}`;

const LATE_ROLLUPS = ROLLUPS.map(
  ([table, period, periodMs]) =>
    new ManyRows<Entry>(
      ['request_id', 'usage_source', ...SUMS],
      `INSERT INTO ${table} (user_id, ${period}, key_id, model, requests, errors, ${SUMS.join(', ')})
       SELECT row.user_id, row.created_at / ${periodMs} * ${periodMs}, row.key_id, coalesce(row.model, row.requested_model),
              0, 0, ${LATE_SUMS.map((sum) => `coalesce(sum(${sum}), 0)`).join(', ')}
         ${LATE}
        GROUP BY 1, 2, 3, 4
       ${ADD_UP}`,
    ),
);

const LATE_LEDGER = new ManyRows<Entry>(
  LEDGER_COLUMNS,
  `INSERT INTO usage_logs (request_id, adjustment, user_id, key_id, endpoint, requested_model, model, provider, generation_id,
                           status, finish_reason, usage_source, latency_ms, ttft_ms, attempts, created_at, recorded_at,
                           ${SUMS.join(', ')})
   SELECT row.request_id, '${TOLD_LATE}', row.user_id, row.key_id, row.endpoint, row.requested_model, row.model,
          one.provider, one.generation_id, one.status, one.finish_reason, one.usage_source,
          one.latency_ms, one.ttft_ms, one.attempts, row.created_at, ?2, ${LATE_SUMS.join(', ')}
     ${LATE}
   ON CONFLICT DO NOTHING`,
);

const LEDGER = new ManyRows<Entry>(
  LEDGER_COLUMNS,
  `INSERT INTO usage_logs (${LEDGER_COLUMNS.join(', ')}, recorded_at)
   SELECT ${LEDGER_COLUMNS.join(', ')}, ?2 FROM one WHERE true
   ON CONFLICT DO NOTHING`,
);

/** The columns of an unpriced attempt that say what is known of it. */
export const ATTEMPT_COLUMNS = [
  'model',
  'generation_id',
  'usage_source',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'images',
  'relayed',
  'cost_nano_usd',
  'state',
] as const satisfies readonly (keyof Billed['attempts'][number])[];

const ATTEMPTS = new ManyRows<ReturnType<typeof attemptsOf>[number]>(
  ['request_id', 'attempt', 'created_at', ...ATTEMPT_COLUMNS],
  `INSERT INTO unpriced_attempts (request_id, attempt, created_at, updated_at, ${ATTEMPT_COLUMNS.join(', ')})
   SELECT request_id, attempt, created_at, ?2, ${ATTEMPT_COLUMNS.join(', ')}
     FROM one
    WHERE ${NEW} OR (${IS_TOLD_LATE})
   ON CONFLICT DO NOTHING`,
);

const LAST_USED = new ManyRows<Entry>(
  ['key_id', 'created_at'],
  `UPDATE api_keys
      SET last_used_at = used.at
     FROM (SELECT key_id, max(created_at) AS at FROM one GROUP BY 1) AS used
    WHERE api_keys.id = used.key_id AND coalesce(api_keys.last_used_at, 0) < used.at`,
);

/**
 * The statements that enter requests into the ledger, its rollups and its list of unpriced attempts: five
 * however many requests there are, one more with unpriced attempts, three more with requests that may
 * have been taken for dead, none for none. Run them in one `db.batch()`, which is a transaction; running
 * them again, with the same or overlapping requests in any order, changes nothing more.
 *
 * @param now Unix ms, when they are written.
 */
export function ledgerStatements(
  db: D1Database,
  requests: readonly Billed[],
  now: number = Date.now(),
): D1PreparedStatement[] {
  if (requests.length === 0) return [];
  // One that is delivered twice in one batch is new to the ledger both times: the rollups must see it once. Of one
  // that was taken for dead and told after all, what was told counts.
  const known = requests.toSorted((a, b) => Number(isKnown(a.event)) - Number(isKnown(b.event)));
  const unique = [...new Map(known.map((one) => [one.event.request_id, one])).values()];
  const late = unique.some(({ event }) => isKnown(event) && now - event.created_at > TAKEN_FOR_DEAD_MS);
  const entries = unique.map(entryOf);
  const attempts = unique.flatMap(attemptsOf);
  return [
    ...[...ADD_TO_ROLLUPS, LATENCY].map((statement) => statement.bind(db, entries)),
    ...(attempts.length > 0 ? [ATTEMPTS.bind(db, attempts, now)] : []),
    ...(late
      ? [...LATE_ROLLUPS.map((statement) => statement.bind(db, entries)), LATE_LEDGER.bind(db, entries, now)]
      : []),
    LEDGER.bind(db, entries, now),
    LAST_USED.bind(db, entries),
  ];
}

type Entry = ReturnType<typeof entryOf>;

/** An event, and where it belongs in rollups and histograms. */
function entryOf({ event }: Billed) {
  const { latency_ms, ttft_ms, model, requested_model } = event;
  return {
    ...event,
    rollup_model: model ?? requested_model,
    latency_up_to_ms: latencyBucket(latency_ms),
    ttft_up_to_ms: ttft_ms === null ? null : latencyBucket(ttft_ms),
  };
}

/** Its unpriced attempts, numbered. */
function attemptsOf({ event: { request_id, created_at }, attempts }: Billed) {
  return attempts.map((one, attempt) => ({ ...one, request_id, created_at, attempt }));
}

function isKnown({ usage_source }: Billed['event']): boolean {
  return usage_source !== 'unknown';
}
