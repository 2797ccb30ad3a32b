import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type System, startSystem } from '../support/system.ts';

const REQUESTS = 500;
const MODELS = [
  'openai/gpt-5-mini',
  'anthropic/claude-haiku-4.5',
  'google/gemini-2.5-flash',
  'deepseek/deepseek-chat-v3.1',
];

let system: System;
beforeAll(async () => {
  // The time limits of production: an attempt given up for being slow may be billed all the same.
  system = await startSystem({ UPSTREAM_HEADERS_TIMEOUT_MS: '120000', UPSTREAM_FIRST_EVENT_TIMEOUT_MS: '300000' });
});
afterAll(() => system.stop());

async function request(n: number): Promise<number> {
  const response = await fetch(`${system.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: MODELS[n % MODELS.length],
      stream: n % 2 === 0,
      messages: [{ role: 'user', content: `Request ${n} ${'x'.repeat(n % 97)}` }],
      sim: { chunks: 1 + (n % 30) },
    }),
  });
  await response.text();
  return response.status;
}

const TOTAL = `
  SELECT count(*) AS requests, sum(input_tokens) AS prompt_tokens, sum(output_tokens) AS completion_tokens,
         sum(cached_tokens) AS cached_tokens, sum(reasoning_tokens) AS reasoning_tokens, sum(cost_nano_usd) AS cost_nano_usd
    FROM usage_logs`;

describe('the ledger', () => {
  it(`has exactly ${REQUESTS} rows after ${REQUESTS} concurrent requests, and their sums are the upstream's own`, async () => {
    const statuses = await Promise.all(Array.from({ length: REQUESTS }, (_, n) => request(n)));
    expect(statuses.filter((status) => status === 200)).toHaveLength(REQUESTS);

    await eventually(async () => {
      const row = await system.db.prepare('SELECT count(*) AS rows FROM usage_logs').first<{ rows: number }>();
      return row?.rows === REQUESTS || null;
    }, 30_000);
    const { billed, cache_write_tokens: _, ...account } = system.upstream.account.total();
    const total = await system.db.prepare(TOTAL).first();
    console.log(JSON.stringify({ e2e: 'billing', ledger: total, upstream: account }));
    expect(billed).toBe(REQUESTS);
    expect(total).toEqual(account);

    for (const table of ['usage_rollups_hourly', 'usage_rollups_daily']) {
      const sums = `SELECT sum(requests) AS requests, sum(input_tokens) AS input_tokens, sum(cost_nano_usd) AS cost FROM ${table}`;
      expect(await system.db.prepare(sums).first()).toEqual({
        requests: REQUESTS,
        input_tokens: account.prompt_tokens,
        cost: account.cost_nano_usd,
      });
    }
    const used = await system.db.prepare('SELECT last_used_at FROM api_keys').first<{ last_used_at: number }>();
    expect(used?.last_used_at).toBeGreaterThan(0);
  });
});
