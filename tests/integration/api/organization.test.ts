import { beforeAll, describe, expect, it } from 'vitest';
import { ledgerStatements } from '../../../shared/ledger.ts';
import { billedBy } from '../../../shared/pricing.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { applySchema, call, createKey, env, errorOf } from './support.ts';

const DAY = 86_400;
const START = Date.UTC(2026, 10, 3) / 1000;
const at = (day: number, hour = 0) => (START + day * DAY + hour * 3600) * 1000;

let admin: string;
beforeAll(async () => {
  await applySchema();
  admin = await createKey('operator', { permissions: ['admin'] });
  const events = [
    usageEvent({ user_id: 'a', key_id: 'ka', model: 'm/1', created_at: at(0, 1), cost_nano_usd: 1_500_000_000 }),
    usageEvent({ user_id: 'a', key_id: 'kb', model: 'm/2', created_at: at(0, 2), cost_nano_usd: 2 }),
    usageEvent({ user_id: 'b', key_id: 'kc', model: 'm/1', created_at: at(0, 2), cost_nano_usd: 30 }),
    usageEvent({ user_id: 'c', key_id: 'kd', model: 'm/1', created_at: at(9), cost_nano_usd: null }),
  ];
  await env.DB.batch(
    ledgerStatements(
      env.DB,
      events.map((event) => billedBy(event)),
    ),
  );
});

async function get(path: string, query: string) {
  const answer = await call(`/v1/organization/${path}?start_time=${START}&${query}`, { key: admin });
  return { ...answer, body: JSON.parse(answer.text) };
}

describe('GET /v1/organization/usage/completions', () => {
  it('is a page of time buckets over all accounts', async () => {
    const { status, body } = await get('usage/completions', `end_time=${START + 10 * DAY}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ object: 'page', has_more: true, next_page: String(START + 7 * DAY) });
    expect(body.data).toHaveLength(7);
    expect(body.data[0]).toEqual({
      object: 'bucket',
      start_time: START,
      end_time: START + DAY,
      results: [
        {
          object: 'organization.usage.completions.result',
          input_tokens: 30,
          input_cached_tokens: 12,
          input_cache_write_tokens: 3,
          input_uncached_tokens: 15,
          output_tokens: 15,
          input_audio_tokens: 0,
          output_audio_tokens: 0,
          num_model_requests: 3,
          project_id: null,
          user_id: null,
          api_key_id: null,
          model: null,
          batch: null,
          service_tier: null,
        },
      ],
    });
    expect(body.data[1].results).toEqual([]);
    const next = await get('usage/completions', `end_time=${START + 10 * DAY}&page=${body.next_page}`);
    expect(next.body).toMatchObject({ has_more: false, next_page: null });
    expect(next.body.data.map((bucket: { start_time: number }) => bucket.start_time)).toEqual([
      START + 7 * DAY,
      START + 8 * DAY,
      START + 9 * DAY,
    ]);
    expect(next.body.data[2].results[0].num_model_requests).toBe(1);
  });

  it.each([
    [
      'group_by=user_id',
      [
        ['a', null, null, 2],
        ['b', null, null, 1],
      ],
    ],
    [
      'group_by[]=user_id&group_by[]=model',
      [
        ['a', null, 'm/1', 1],
        ['a', null, 'm/2', 1],
        ['b', null, 'm/1', 1],
      ],
    ],
    [
      'group_by=model,api_key_id&user_ids=a',
      [
        [null, 'ka', 'm/1', 1],
        [null, 'kb', 'm/2', 1],
      ],
    ],
    ['models=m/1&models=m/3', [[null, null, null, 2]]],
    ['api_key_ids[]=kc', [[null, null, null, 1]]],
    ['group_by=project_id', [[null, null, null, 3]]],
    ['project_ids=p', []],
    ['batch=true', []],
    ['batch=false', [[null, null, null, 3]]],
  ])('groups and filters by %s', async (query, expected) => {
    const { body } = await get('usage/completions', `limit=1&${query}`);
    const results = body.data[0].results.map((row: Record<string, unknown>) => [
      row.user_id,
      row.api_key_id,
      row.model,
      row.num_model_requests,
    ]);
    expect(results).toEqual(expected);
  });

  it('has buckets of an hour too', async () => {
    const { body } = await get('usage/completions', 'bucket_width=1h&limit=3');
    expect(
      body.data.map(({ results }: { results: { num_model_requests: number }[] }) => results[0]?.num_model_requests),
    ).toEqual([undefined, 1, 2]);
  });

  it.each([
    ['bucket_width=1m', 'bucket_width'],
    ['group_by=color', 'group_by[0]'],
    ['limit=0', 'limit'],
    ['limit=many', 'limit'],
    ['page=x', 'page'],
    ['end_time=tomorrow', 'end_time'],
    ['color=red', null],
  ])('refuses %s', async (query, param) => {
    const answer = await get('usage/completions', query);
    expect(answer.status).toBe(400);
    expect(errorOf(answer).param).toBe(param);
  });

  it('needs a start', async () => {
    const answer = await call('/v1/organization/usage/completions', { key: admin });
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatchObject({ param: 'start_time', code: 'missing_required_parameter' });
  });
});

describe('GET /v1/organization/costs', () => {
  it('is a page of days in dollars, by key and line item, which is the model', async () => {
    const { body } = await get('costs', 'limit=1&group_by=line_item,api_key_id&api_key_ids=ka,kc');
    expect(body.data[0].results).toEqual([
      {
        object: 'organization.costs.result',
        amount: { value: 1.5, currency: 'usd' },
        line_item: 'm/1',
        project_id: null,
        api_key_id: 'ka',
        quantity: null,
        quantity_unit: null,
      },
      expect.objectContaining({ amount: { value: 3e-8, currency: 'usd' }, api_key_id: 'kc' }),
    ]);
  });

  it('sums to what the ledger holds', async () => {
    const { body } = await get('costs', `end_time=${START + 20 * DAY}&limit=180`);
    expect(body.data).toHaveLength(20);
    const total = body.data
      .flatMap(({ results }: { results: { amount: { value: number } }[] }) => results)
      .reduce((sum: number, { amount }: { amount: { value: number } }) => sum + Math.round(amount.value * 1e9), 0);
    const ledger = await env.DB.prepare('SELECT sum(cost_nano_usd) AS cost FROM usage_logs').first<{ cost: number }>();
    expect(total).toBe(ledger?.cost);
  });
});
