import { eventually } from './eventually.ts';
import type { System } from './system.ts';
import { usageEvent } from './usage-event.ts';

/**
 * Eight requests of the account `tester`, under its key and one that is named `other`, of each kind that a ledger
 * tells apart: from the cache, failed in the midst, corrected afterwards, and one whose cost nobody will ever know.
 */
export async function someRequests(system: System): Promise<void> {
  const other = await system.createKey('tester', { name: 'other' });
  const asked: [key: string, model: string, more?: Record<string, unknown>][] = [
    [system.key, 'openai/gpt-4o-mini'],
    [system.key, 'openai/gpt-4o-mini', { stream: true }],
    [system.key, 'anthropic/claude-haiku-4.5', { temperature: 0 }],
    // The same again: given from the cache.
    [system.key, 'anthropic/claude-haiku-4.5', { temperature: 0 }],
    [other, 'anthropic/claude-haiku-4.5'],
    [other, 'openai/gpt-5-mini', { stream: true }],
    [other, 'sim/error-mid-stream', { stream: true }],
  ];
  for (const [key, model, more] of asked) {
    const response = await fetch(`${system.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }], ...more }),
    });
    await response.text();
  }
  // And one of which nobody will ever know what it cost.
  const unknown = { cached_tokens: null, cache_write_tokens: null, reasoning_tokens: null, images: 0 };
  const attempt = { generation_id: null, usage_source: 'estimated', input_tokens: 7, output_tokens: 5 } as const;
  const estimated = usageEvent({
    ...{ user_id: 'tester', key_id: 'key_other', requested_model: 'sim/untold', model: 'sim/untold' },
    unpriced_attempts: 1,
    unpriced: [{ model: 'sim/untold', relayed: true, ...attempt, ...unknown }],
  });
  await system.usageQueue.send(estimated);
  await eventually(async () => {
    const row = await system.db.prepare('SELECT count(*) AS rows FROM usage_logs').first<{ rows: number }>();
    return row?.rows === asked.length + 1 || null;
  }, 20_000);
  await system.db
    .prepare(
      `INSERT INTO model_prices (model, canonical_slug, valid_from, prompt, completion, input_cache_read, source, created_at)
       SELECT requested_model, model, 0, '0.00000025', '0.000002', '0.000000025', 'upstream', 0
         FROM usage_logs WHERE requested_model = 'openai/gpt-5-mini'`,
    )
    .run();
  // A request's correction, in the ledger and its rollups.
  const [corrected] = await requestsOf(system, 'openai/gpt-5-mini');
  await system.db.batch([
    system.db
      .prepare(
        `INSERT INTO usage_logs (request_id, adjustment, user_id, key_id, endpoint, requested_model, model, status,
           input_tokens, output_tokens, cost_nano_usd, usage_source, latency_ms, attempts, created_at, recorded_at)
         SELECT request_id, 'reconciled 0.1', user_id, key_id, endpoint, requested_model, model, status,
           3, -1, 1234567, 'reconciled', 0, 0, created_at, created_at + 60000
           FROM usage_logs WHERE request_id = ?1 AND adjustment = ''`,
      )
      .bind(corrected?.request_id),
    ...['hourly', 'daily'].map((period) =>
      system.db.prepare(
        `UPDATE usage_rollups_${period} SET input_tokens = input_tokens + 3, output_tokens = output_tokens - 1,
           cost_nano_usd = cost_nano_usd + 1234567 WHERE model = 'openai/gpt-5-mini'`,
      ),
    ),
  ]);
}

/** A request of the ledger. */
export interface BilledRequest {
  request_id: string;
  cost: number | null;
  status: number;
  usage_source: string;
}

/** `tester`'s requests in the ledger, of one model if named, the newest first, each as its corrections leave it. */
export async function requestsOf(system: System, model?: string): Promise<BilledRequest[]> {
  const { results } = await system.db
    .prepare(
      `SELECT request_id, sum(cost_nano_usd) AS cost, max(status) AS status,
              min(usage_source) FILTER (WHERE adjustment = '') AS usage_source
         FROM usage_logs WHERE user_id = 'tester' AND (?1 IS NULL OR requested_model = ?1)
        GROUP BY request_id ORDER BY request_id DESC`,
    )
    .bind(model ?? null)
    .all<BilledRequest>();
  return results;
}

/** An account's usage, as `/usage` tells it. */
export interface ToldUsage {
  data: Record<string, string | number>[];
  total: Record<'requests' | 'errors' | 'cost_nano_usd' | 'unpriced_attempts', number>;
}

/**
 * What the API answers.
 *
 * @throws Error for any but a 200.
 */
export async function told<T>({ origin }: System, path: string, key: string): Promise<T> {
  const response = await fetch(new URL(path, origin), { headers: { authorization: `Bearer ${key}` } });
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json() as Promise<T>;
}
