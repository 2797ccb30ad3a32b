import { beforeAll, describe, expect, it } from 'vitest';
import { ledgerStatements } from '../../../shared/ledger.ts';
import { billedBy } from '../../../shared/pricing.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { applySchema, call, createKey, env, errorOf } from './support.ts';

const START = Date.UTC(2026, 10, 3, 8);
const HOUR = 3_600_000;

let admin: string;
beforeAll(async () => {
  await applySchema();
  admin = await createKey('operator', { permissions: ['admin'] });
  const hundred = Array.from({ length: 100 }, (_, n) =>
    usageEvent({
      ...{ user_id: n < 50 ? 'ada' : 'bob', key_id: n < 50 ? 'ka' : 'kb', model: n % 2 ? 'm/odd' : 'm/even' },
      ...{ latency_ms: (n + 1) * 100, ttft_ms: n < 10 ? null : 200, created_at: START + (n % 4) * HOUR },
    }),
  );
  await env.DB.batch(
    ledgerStatements(
      env.DB,
      hundred.map((event) => billedBy(event)),
    ),
  );
});

const get = (query: string) => call(`/admin/latency?start=2026-11-03&end=2026-11-04&${query}`, { key: admin });
const json = async (query = '') => JSON.parse((await get(query)).text);
/** A quarter off at most, as a bucket's ends are. */
const near = (ms: number) => expect.toSatisfy((value: number) => Math.abs(value / ms - 1) <= 1 / 4, `near ${ms}`);

describe('GET /admin/latency', () => {
  it('tells percentiles over all accounts, a quarter off at most', async () => {
    expect(await json()).toEqual({
      ...{ object: 'latency', user_id: null, group_by: [] },
      ...{ start: '2026-11-03T00:00:00.000Z', end: '2026-11-04T00:00:00.000Z' },
      data: [
        {
          latency_ms: { requests: 100, p50: near(5_000), p95: near(9_500), p99: near(9_900) },
          ttft_ms: { requests: 90, p50: near(200), p95: near(200), p99: near(200) },
        },
      ],
    });
  });

  it('by key, model and hour, of an account, and of any span of hours', async () => {
    const { data: keys } = await json('group_by=key');
    expect(keys).toEqual([
      expect.objectContaining({ key: 'ka', latency_ms: expect.objectContaining({ requests: 50, p50: near(2_500) }) }),
      expect.objectContaining({ key: 'kb', latency_ms: expect.objectContaining({ requests: 50, p50: near(7_500) }) }),
    ]);
    const { data: own, user_id, group_by } = await json('group_by=hour,model&user_id=ada');
    expect({ user_id, group_by }).toEqual({ user_id: 'ada', group_by: ['model', 'hour'] });
    expect(own.map(({ model, hour, latency_ms }: typeof own) => [model, hour, latency_ms.requests])).toEqual([
      ['m/even', '2026-11-03T08:00:00Z', 13],
      ['m/even', '2026-11-03T10:00:00Z', 12],
      ['m/odd', '2026-11-03T09:00:00Z', 13],
      ['m/odd', '2026-11-03T11:00:00Z', 12],
    ]);
    const part = await call('/admin/latency?start=2026-11-03T09:59:00Z&end=2026-11-03T10:30:00Z', { key: admin });
    expect(JSON.parse(part.text)).toMatchObject({
      ...{ start: '2026-11-03T09:00:00.000Z', end: '2026-11-03T11:00:00.000Z' },
      data: [{ latency_ms: { requests: 50 } }],
    });
  });

  it('by day, and by hour beside it', async () => {
    const { data } = await json('group_by=day');
    expect(data).toEqual([expect.objectContaining({ day: '2026-11-03' })]);
    expect((await json('group_by=hour,day')).data[0]).toMatchObject({
      day: '2026-11-03',
      hour: '2026-11-03T08:00:00Z',
    });
  });

  it('tells nothing of no requests, and null of none that were sent an event', async () => {
    expect((await json('user_id=nobody')).data).toEqual([]);
    await env.DB.batch(
      ledgerStatements(env.DB, [billedBy(usageEvent({ user_id: 'carl', ttft_ms: null, created_at: START }))]),
    );
    const { data } = await json('user_id=carl');
    expect(data[0].ttft_ms).toEqual({ requests: 0, p50: null, p95: null, p99: null });
  });

  it('answers with some megabytes at most, and refuses more', async () => {
    const at = Date.UTC(2026, 9, 1);
    const add = (from: number, to: number) =>
      env.DB.prepare(
        `WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2 - 1)
         INSERT INTO usage_latency_hourly SELECT 'big', ${at}, 'k', 'model/' || i, 'latency', 100, 1 FROM n`,
      )
        .bind(from, to)
        .run();
    const ask = () => call('/admin/latency?start=2026-10-01&end=2026-10-02&group_by=model,hour', { key: admin });
    await add(0, 20_000);
    const most = await ask();
    expect(JSON.parse(most.text).data).toHaveLength(20_000);
    expect(most.text.length).toBeLessThan(6_000_000);
    await add(20_000, 20_001);
    const more = await ask();
    expect(more.status).toBe(400);
    expect(errorOf(more)).toMatchObject({ param: 'group_by', code: 'too_many_groups' });
  });

  it.each([
    ['group_by=color', 'group_by[0]'],
    ['start=yesterday', 'start'],
    ['start=2026-11-05', 'start'],
    ['color=red', null],
  ])('refuses ?%s', async (query, param) => {
    const answer = await call(`/admin/latency?end=2026-11-04&${query}`, { key: admin });
    expect(answer.status).toBe(400);
    expect(errorOf(answer).param).toBe(param);
  });
});

describe('GET /usage/latency', () => {
  const SPAN = 'start=2026-11-03&end=2026-11-04';
  const own = async (query: string, key: string) =>
    JSON.parse((await call(`/usage/latency?${SPAN}&${query}`, { key })).text);

  it('tells the percentiles of the caller’s account, by any groups', async () => {
    const key = await createKey('ada', { permissions: ['read'] });
    expect(await own('group_by=model,day', key)).toEqual({
      ...{ object: 'latency', user_id: 'ada', group_by: ['model', 'day'] },
      ...{ start: '2026-11-03T00:00:00.000Z', end: '2026-11-04T00:00:00.000Z' },
      data: [
        {
          ...{ model: 'm/even', day: '2026-11-03' },
          latency_ms: { requests: 25, p50: near(2_500), p95: near(4_700), p99: near(4_900) },
          ttft_ms: { requests: 20, p50: near(200), p95: near(200), p99: near(200) },
        },
        {
          ...{ model: 'm/odd', day: '2026-11-03' },
          latency_ms: { requests: 25, p50: near(2_600), p95: near(4_800), p99: near(5_000) },
          ttft_ms: { requests: 20, p50: near(200), p95: near(200), p99: near(200) },
        },
      ],
    });
  });

  it('tells those of another account, or of all, to admins alone', async () => {
    const key = await createKey('bob', { permissions: ['read'] });
    for (const asked of ['ada', '*']) {
      const answer = await call(`/v1/usage/latency?user_id=${asked}`, { key });
      expect([answer.status, errorOf(answer).code]).toEqual([403, 'insufficient_permissions']);
    }
    const both = await createKey('root', { permissions: ['read', 'admin'] });
    expect(await own('user_id=ada', both)).toMatchObject({ user_id: 'ada', data: [{ latency_ms: { requests: 50 } }] });
    const all = await own('user_id=*', both);
    expect(all).toEqual({ ...(await json()), user_id: '*' });
    expect(await json('user_id=*'), 'as /admin/latency does').toEqual(await json());
  });

  it.each(['group_by=user', 'start=2026-11-05', 'color=red'])('refuses ?%s', async (query) => {
    const key = await createKey(`refused-${query}`, { permissions: ['read'] });
    expect((await call(`/usage/latency?end=2026-11-04&${query}`, { key })).status).toBe(400);
  });
});
