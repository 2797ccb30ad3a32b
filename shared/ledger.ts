import type { UsageEvent } from './usage-event.ts';

const COLUMNS = [
  'request_id',
  'user_id',
  'key_id',
  'endpoint',
  'requested_model',
  'model',
  'provider',
  'generation_id',
  'status',
  'finish_reason',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'cost_nano_usd',
  'extra_cost_nano_usd',
  'unpriced_attempts',
  'usage_source',
  'latency_ms',
  'ttft_ms',
  'attempts',
  'created_at',
] as const satisfies readonly (keyof UsageEvent)[];

const SUMS = [
  'requests',
  'errors',
  'unpriced',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'cost_nano_usd',
  'extra_cost_nano_usd',
] as const;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Adds the events that the ledger does not hold yet to a rollup; must run before {@link LEDGER}. */
function rollup(table: string, period: string, periodMs: number): string {
  return `
    INSERT INTO ${table} (user_id, ${period}, key_id, model, ${SUMS.join(', ')})
    SELECT value->>'user_id',
           (value->>'created_at') / ${periodMs} * ${periodMs},
           value->>'key_id',
           coalesce(value->>'model', value->>'requested_model'),
           count(*),
           sum(value->>'status' >= 400 AND value->>'status' <> 499),
           sum(value->>'cost_nano_usd' IS NULL OR value->>'unpriced_attempts' > 0),
           ${SUMS.slice(3)
             .map((column) => `coalesce(sum(value->>'${column}'), 0)`)
             .join(', ')}
      FROM json_each(?1)
     WHERE NOT EXISTS (SELECT 1 FROM usage_logs WHERE request_id = value->>'request_id')
     GROUP BY 1, 2, 3, 4
    ON CONFLICT DO UPDATE SET ${SUMS.map((column) => `${column} = ${column} + excluded.${column}`).join(', ')}`;
}

const HOURLY = rollup('usage_rollups_hourly', 'hour', HOUR_MS);
const DAILY = rollup('usage_rollups_daily', 'day', DAY_MS);

const LEDGER = `
  INSERT INTO usage_logs (${COLUMNS.join(', ')})
  SELECT ${COLUMNS.map((column) => `value->>'${column}'`).join(', ')}
    FROM json_each(?1)
   WHERE true
  ON CONFLICT (request_id) DO NOTHING`;

const LAST_USED = `
  UPDATE api_keys
     SET last_used_at = used.at
    FROM (SELECT value->>'key_id' AS key_id, max(value->>'created_at') AS at FROM json_each(?1) GROUP BY 1) AS used
   WHERE api_keys.id = used.key_id AND coalesce(api_keys.last_used_at, 0) < used.at`;

/**
 * The statements that enter usage events into the ledger and its rollups: four however many events
 * there are, none for none. Run them in one `db.batch()`, which is a transaction; running them again,
 * with the same or overlapping events in any order, changes nothing more.
 */
export function ledgerStatements(db: D1Database, events: readonly UsageEvent[]): D1PreparedStatement[] {
  if (events.length === 0) return [];
  // An event delivered twice in one batch is new to the ledger both times: the rollups must see it once.
  const unique = [...new Map(events.map((event) => [event.request_id, event])).values()];
  const json = JSON.stringify(unique);
  return [HOURLY, DAILY, LEDGER, LAST_USED].map((sql) => db.prepare(sql).bind(json));
}
