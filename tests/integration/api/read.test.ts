import { beforeAll, describe, expect, it } from 'vitest';
import { UsageQuery, usageStatement } from '../../../api-worker/routes/usage/query.ts';
import { ledgerStatements } from '../../../shared/ledger.ts';
import { billedBy } from '../../../shared/pricing.ts';
import type { UsageEvent } from '../../../shared/usage-event.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { applySchema, call, createKey, env, errorOf } from './support.ts';

const NOON = Date.UTC(2026, 10, 3, 12, 30);
const HOUR = 3_600_000;

const event = (change: Partial<UsageEvent>) =>
  usageEvent({ user_id: 'erin', key_id: 'key_erin', cache_write_tokens: 0, created_at: NOON, ...change });

let key: string;
beforeAll(async () => {
  await applySchema();
  key = await createKey('erin');
  await createKey('mallory');
  const events = [
    event({}),
    event({ created_at: NOON + HOUR, model: 'b/two', cost_nano_usd: 2_000_000_001 }),
    event({ created_at: NOON + 24 * HOUR, status: 502, cost_nano_usd: null, key_id: 'key_2' }),
    event({ created_at: NOON + 24 * HOUR, status: 499 }),
    event({ user_id: 'mallory', cost_nano_usd: 7 }),
  ];
  await env.DB.batch(
    ledgerStatements(
      env.DB,
      events.map((event) => billedBy(event)),
    ),
  );
});

const usage = async (query: string) => {
  const answer = await call(`/usage?${query}`, { key });
  return { answer, body: JSON.parse(answer.text) };
};

describe('GET /usage', () => {
  it.each([
    ['day', 'usage_rollups_daily', 2],
    ['hour', 'usage_rollups_hourly', 3],
  ])('by %s reads of many accounts only its own, a seek each period', async (group, rollup, rows) => {
    const numbers = 'WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999)';
    const at = `(SELECT max(${group}) FROM ${rollup})`;
    await env.DB.prepare(
      `${numbers} INSERT INTO ${rollup} SELECT 'other-' || i, ${at}, 'k', 'm', 1, 0, 0, 0, 0, 0, 0, 0, 1, 0 FROM n`,
    ).run();
    const query = UsageQuery.parse({ start: '2026-11-01', end: '2026-12-01', group_by: group });
    const { results, meta } = await usageStatement(env.DB, query, 'erin').run();
    expect(results).toHaveLength(rows);
    expect(meta.rows_read).toBeLessThan(50);
    await env.DB.prepare(`DELETE FROM ${rollup} WHERE user_id LIKE 'other-%'`).run();
  });

  it('sums only the caller’s own account', async () => {
    const { body } = await usage('start=2026-11-01&end=2026-12-01');
    expect(body).toMatchObject({
      object: 'usage',
      start: '2026-11-01T00:00:00.000Z',
      end: '2026-12-01T00:00:00.000Z',
      group_by: [],
      total: {
        requests: 4,
        errors: 1,
        unpriced_attempts: 1,
        input_tokens: 40,
        cost_nano_usd: 2_000_003_001,
        cost_usd: '2.000003001',
      },
    });
  });

  it('shows another account to admins alone', async () => {
    const path = '/v1/usage?user_id=mallory&start=2026-11-01&end=2026-12-01';
    expect((await call(path, { key })).status).toBe(403);
    const admin = await createKey('root', { permissions: ['read', 'admin'] });
    expect(JSON.parse((await call(path, { key: admin })).text)).toMatchObject({
      user_id: 'mallory',
      total: { cost_nano_usd: 7 },
      limits: null,
    });
  });

  it('tells what is left of each limit and when it begins anew', async () => {
    const key = await createKey('frugal', {
      rate_limit: 30,
      limits: {
        tokens_per_minute: 1000,
        concurrent_requests: 2,
        requests_per_month: 100,
        budget_month_nano_usd: 2_500_000_000,
      },
    });
    const answer = await call('/usage', { key });
    expect(JSON.parse(answer.text).limits).toMatchObject({
      requests_per_minute: { limit: 30, remaining: 30 },
      tokens_per_minute: { limit: 1000, remaining: 1000 },
      concurrent_requests: { limit: 2, in_progress: 0 },
      requests_per_month: { limit: 100, used: 0, remaining: 100 },
      tokens_per_month: { limit: null, remaining: null },
      budget_day: { limit_usd: null, used_usd: '0.000000000', remaining_usd: null },
      budget_month: { limit_usd: '2.500000000', held_usd: '0.000000000', remaining_usd: '2.500000000' },
    });
    expect(answer.headers.get('x-ratelimit-limit')).toBe('30');
  });

  it('groups by model, key, day and hour, in any combination', async () => {
    const { body } = await usage('start=2026-11-01&end=2026-12-01&group_by=day,model');
    expect(body.group_by).toEqual(['model', 'day']);
    expect(body.data.map(({ model, day, requests }: Record<string, unknown>) => [model, day, requests])).toEqual([
      ['a/one', '2026-11-03', 1],
      ['a/one', '2026-11-04', 2],
      ['b/two', '2026-11-03', 1],
    ]);
    const hours = await usage('start=2026-11-03&end=2026-11-04&group_by=hour');
    expect(hours.body.data.map(({ hour }: { hour: string }) => hour)).toEqual([
      '2026-11-03T12:00:00Z',
      '2026-11-03T13:00:00Z',
    ]);
    const keys = await usage('start=2026-11-01&end=2026-12-01&group_by=key');
    expect(keys.body.data.map((row: { key: string }) => row.key)).toEqual(['key_2', 'key_erin']);
  });

  it('takes instants within a day, start included and end not', async () => {
    const { body } = await usage('start=2026-11-03T13:00:00Z&end=2026-11-04T12:00:00Z');
    expect(body.total.requests).toBe(1);
  });

  it('is empty, not an error, where nothing was used', async () => {
    const { body } = await usage('start=2020-01-01&end=2020-02-01&group_by=model');
    expect(body).toMatchObject({ data: [], total: { requests: 0, cost_usd: '0.000000000' } });
  });

  it.each([
    ['start=yesterday', 'start'],
    ['end=2026-13-01', 'end'],
    ['group_by=color', 'group_by[0]'],
    ['format=xml', 'format'],
    ['model=openai/gpt-5', null],
    ['start=2026-11-02&end=2026-11-01', 'start'],
  ])('refuses %s', async (query, param) => {
    const { answer } = await usage(query);
    expect(answer.status).toBe(400);
    expect(errorOf(answer).param).toBe(param);
  });
});

describe('GET /v1/models', () => {
  it('lists the upstream’s models in OpenAI’s shape', async () => {
    const list = JSON.parse((await call('/v1/models', { key })).text);
    expect(list.object).toBe('list');
    const upstreams = list.data.filter(({ owned_by }: { owned_by: string }) => owned_by !== 'gateway');
    expect(upstreams, 'both pages of the upstream, and those for embeddings').toHaveLength(11);
    expect(list.data).toContainEqual({
      id: 'openai/gpt-5-mini',
      object: 'model',
      created: 1_760_000_000,
      owned_by: 'openai',
    });
  });

  it('lists the tiers and aliases behind which a model is alive', async () => {
    const vars = {
      TIER_PREMIUM: 'openai/gone',
      MODEL_ALIASES: 'quick=openai/gpt-4o-mini,smart=premium,plain=standard',
    };
    const list = JSON.parse((await call('/v1/models', { key, env: vars })).text);
    const own = list.data.filter(({ owned_by }: { owned_by: string }) => owned_by === 'gateway');
    expect(own.map(({ id }: { id: string }) => id)).toEqual(['standard', 'budget', 'quick', 'plain']);
    expect(JSON.parse((await call('/v1/models/quick', { key, env: vars })).text)).toEqual(own[2]);
  });

  it.each(['openai/gpt-5-mini', 'openai%2Fgpt-5-mini'])('finds one by its id, written %s', async (id) => {
    expect(JSON.parse((await call(`/v1/models/${id}`, { key })).text).id).toBe('openai/gpt-5-mini');
  });

  it('answers 404 for one that is not there', async () => {
    const answer = await call('/v1/models/nobody/nothing', { key });
    expect(answer.status).toBe(404);
    expect(errorOf(answer)).toMatchObject({ code: 'model_not_found', param: 'model' });
  });

  it('serves an old list while the upstream is down, and 503 without one', async () => {
    const down = { UPSTREAM_BASE_URL: 'http://127.0.0.1:9' };
    const models = [{ id: 'old/model', created: 1 }];
    await env.CACHE.put('models', JSON.stringify({ fetchedAt: 0, models }));
    expect((await call('/v1/models', { key, env: down })).text).toContain('old/model');
    await env.CACHE.delete('models');
    expect((await call('/v1/models', { key, env: down })).status).toBe(503);
  });
});

describe('GET /health', () => {
  it('tells each component, publicly, and remembers for a while', async () => {
    const answer = await call('/health');
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({
      status: 'ok',
      components: { database: 'up', upstream: 'up', analytics: 'off' },
    });
    const again = await call('/health', { env: { UPSTREAM_BASE_URL: 'http://127.0.0.1:9' } });
    expect(again.text).toBe(answer.text);
  });
});
