import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { UsageQuery, usageStatement } from '../../../api-worker/routes/usage/query.ts';
import { ledgerStatements } from '../../../shared/ledger.ts';
import { billedBy } from '../../../shared/pricing.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { applySchema, call, createKey, env, errorOf, post } from './support.ts';

const START = Date.UTC(2026, 10, 1);
const HOUR = 3_600_000;

const events = fc.sample(
  fc
    .record({
      ...{ user_id: fc.constantFrom('ada', 'bob', '=cmd'), key_id: fc.constantFrom('k1', 'k2') },
      ...{ model: fc.constantFrom('m/1', 'm/2'), status: fc.constantFrom(200, 499, 502) },
      cost_nano_usd: fc.option(fc.nat({ max: 1_000_000 })),
      created_at: fc.nat({ max: 100 }).map((hours) => START + hours * HOUR),
    })
    .map((change) => usageEvent(change)),
  { numRuns: 120, seed: 3 },
);

let ada: string;
let admin: string;
beforeAll(async () => {
  await applySchema();
  ada = await createKey('ada', { permissions: ['read'] });
  admin = await createKey('root', { permissions: ['read', 'admin'] });
  await env.DB.batch(
    ledgerStatements(
      env.DB,
      events.map((event) => billedBy(event)),
    ),
  );
});

const get = (query: string, key = admin) => call(`/usage?${query}`, { key });
const json = async (query: string, key = admin) => JSON.parse((await get(query, key)).text);

type Group = 'user' | 'model' | 'key' | 'day' | 'hour';
const GROUP_OF: Record<Group, (event: (typeof events)[number]) => string> = {
  user: ({ user_id }) => user_id,
  model: ({ model }) => String(model),
  key: ({ key_id }) => key_id,
  day: ({ created_at }) => new Date(created_at).toISOString().slice(0, 10),
  hour: ({ created_at }) => `${new Date(created_at).toISOString().slice(0, 13)}:00:00Z`,
};

/** Requests and cost by group, added up one event after the other. */
function expected(from: number, to: number, groups: Group[]) {
  const own = events.filter(({ created_at }) => created_at >= from && created_at < to);
  const byGroup = Map.groupBy(own, (event) => JSON.stringify(groups.map((group) => GROUP_OF[group](event))));
  return [...byGroup]
    .map(([names, list]) => ({
      names: JSON.parse(names) as string[],
      requests: list.length,
      cost_nano_usd: list.reduce((sum, { cost_nano_usd }) => sum + (cost_nano_usd ?? 0), 0),
    }))
    .sort((a, b) => (a.names.join('\0') < b.names.join('\0') ? -1 : 1));
}

describe('GET /usage?user_id=*', () => {
  it.each([
    ['whole days', 0, 96],
    ['days and parts of them', 5, 77],
    ['a part of a day', 30, 41],
    ['hours across midnight', 20, 28],
    ['from midnight', 24, 60],
    ['until midnight', 7, 48],
  ])('sums up all accounts, of %s, by any groups', async (_, first, last) => {
    const [from, to] = [START + first * HOUR, START + last * HOUR];
    const span = `start=${new Date(from).toISOString()}&end=${new Date(to).toISOString()}`;
    for (const groups of [['user'], ['user', 'model', 'key'], ['user', 'day'], ['hour'], ['day']] as Group[][]) {
      const { user_id, data, total, limits, group_by } = await json(`user_id=*&${span}&group_by=${groups.join(',')}`);
      expect({ user_id, limits, group_by }).toEqual({ user_id: '*', limits: null, group_by: groups });
      const of = expected(from, to, groups);
      expect(
        data.map((row: Record<string, unknown>) => ({
          names: groups.map((group) => row[group]),
          ...{ requests: row.requests, cost_nano_usd: row.cost_nano_usd },
        })),
      ).toEqual(of);
      expect(total.requests).toBe(of.reduce((sum, { requests }) => sum + requests, 0));
    }
  });

  it('reads whole days from the rollup of days, and all by ranges of primary keys', async () => {
    const plan = async (query: object) => {
      const span = UsageQuery.parse(query);
      const explaining = { prepare: (sql: string) => env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`) } as D1Database;
      const { results } = await usageStatement(explaining, span, null).all<{ detail: string }>();
      return results.map(({ detail }) => detail).filter((detail) => detail.includes('usage_'));
    };
    for (const group_by of ['user', 'hour']) {
      const details = await plan({ start: '2026-11-01T05:00:00Z', end: '2026-11-04T05:00:00Z', group_by });
      expect(details).toEqual([
        'SEARCH usage_rollups_hourly USING PRIMARY KEY (hour>? AND hour<?)',
        'SEARCH usage_rollups_daily USING PRIMARY KEY (day>? AND day<?)',
        'SEARCH usage_rollups_hourly USING PRIMARY KEY (hour>? AND hour<?)',
      ]);
    }
    const days = new Set(events.map((event) => GROUP_OF.day(event) + event.user_id + event.key_id + event.model));
    const { meta } = await usageStatement(
      env.DB,
      UsageQuery.parse({ start: '2026-11-01', end: '2026-12-01' }),
      null,
    ).run();
    expect(meta.rows_read).toBeLessThanOrEqual(days.size + 10);
  });

  it('is for admins alone', async () => {
    const answer = await get('user_id=*', ada);
    expect([answer.status, errorOf(answer).code]).toEqual([403, 'insufficient_permissions']);
  });

  it('can mean no account: none may be called so', async () => {
    const answer = await post('/admin/users', admin, { id: '*' });
    expect([answer.status, errorOf(answer).param]).toEqual([400, 'id']);
  });

  it('by user is of the own account without it', async () => {
    const { data, limits } = await json('start=2026-11-01&end=2026-12-01&group_by=user', ada);
    expect(data.map(({ user }: { user: string }) => user)).toEqual(['ada']);
    expect(limits).not.toBeNull();
  });

  it('refuses more groups than an answer has room for', async () => {
    await env.DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
       INSERT INTO usage_rollups_daily SELECT 'u' || i, ${Date.UTC(2026, 8, 1)}, 'k', 'm', 1, 0, 0, 0, 0, 0, 0, 0, 1, 0 FROM n`,
    ).run();
    const span = 'user_id=*&start=2026-09-01&end=2026-09-02';
    const answer = await get(`${span}&group_by=user`);
    expect([answer.status, errorOf(answer).code, errorOf(answer).param]).toEqual([400, 'too_many_groups', 'group_by']);
    expect((await json(span)).total.requests).toBe(20_001);
  });
});

describe('GET /usage as CSV', () => {
  it('has the rows of the JSON, and no formula', async () => {
    const query = 'user_id=*&start=2026-11-01&end=2026-12-01&group_by=user,model';
    const answer = await get(`${query}&format=csv`);
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="usage-2026-11-01-2026-12-01.csv"');
    const [header = '', ...lines] = answer.text.trimEnd().split('\r\n');
    expect(header).toBe(
      'user,model,requests,errors,unpriced_attempts,input_tokens,output_tokens,cached_tokens,reasoning_tokens,' +
        'cost_nano_usd,extra_cost_nano_usd,cost_usd',
    );
    const { data } = await json(query);
    expect(lines).toEqual(data.map((row: Record<string, string>) => Object.values(row).join(',').replace(/^=/, "'=")));
    expect(lines.filter((line) => line.startsWith("'=cmd,"))).toHaveLength(2);
  });

  it('is for who prefers it, unless the format is named; without groups one row, without requests none', async () => {
    const lines = async (query: string, accept: string) => {
      const answer = await call(`/usage?${query}`, { key: ada, headers: { accept } });
      expect(answer.headers.get('vary')).toContain('accept');
      return answer.headers.get('content-type')?.startsWith('text/csv')
        ? answer.text.trim().split('\r\n').length
        : null;
    };
    expect(await lines('start=2026-11-01&end=2026-12-01', 'text/csv')).toBe(2);
    expect(await lines('start=2020-11-01&end=2020-12-01', 'text/csv')).toBe(1);
    expect(await lines('format=json', 'text/csv')).toBeNull();
    expect(await lines('', '*/*')).toBeNull();
  });
});
