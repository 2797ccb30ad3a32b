import type { DatabaseSync } from 'node:sqlite';

const HOUR_MS = 3_600_000;

/** Enters a request's row into a ledger, without the rollups. */
export function enterRow(
  ledger: DatabaseSync,
  id: string,
  { user = 'ada', status = 200, adjustment = '', cost = 7 } = {},
): string {
  const at = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
  ledger
    .prepare(`
      INSERT INTO usage_logs (request_id, adjustment, user_id, key_id, endpoint, requested_model, status,
        cost_nano_usd, usage_source, latency_ms, attempts, created_at, recorded_at)
      VALUES (?, ?, ?, ?, '/v1/chat/completions', 'sim/any', ?, ?, 'provider', 1, 1, ?, ?)`)
    .run(id, adjustment, user, `key of ${user}`, status, cost, at, at);
  return id;
}

/** Makes the rollups of a ledger what they are to be. */
export function rollUp(ledger: DatabaseSync): void {
  const sums = ['unpriced_attempts', 'input_tokens', 'output_tokens', 'cached_tokens', 'cache_write_tokens']
    .concat(['reasoning_tokens', 'cost_nano_usd', 'extra_cost_nano_usd'])
    .map((sum) => `coalesce(sum(${sum}), 0)`);
  for (const [table, ms] of [
    ['usage_rollups_hourly', HOUR_MS],
    ['usage_rollups_daily', 24 * HOUR_MS],
  ] as const) {
    ledger.exec(`
      INSERT INTO ${table} SELECT user_id, created_at / ${ms} * ${ms}, key_id, coalesce(model, requested_model),
        sum(adjustment = ''), sum(adjustment = '' AND status >= 400 AND status <> 499), ${sums.join(', ')}
        FROM usage_logs GROUP BY 1, 2, 3, 4`);
  }
}
