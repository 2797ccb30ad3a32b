import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BOUNDS, findRequests, type Search } from '../../../api-worker/routes/usage/find-requests.ts';
import { type AttemptRow, adjustmentStatements, type Correction } from '../../../shared/adjustments.ts';
import { firstIdOf } from '../../../shared/ids.ts';
import { ledgerStatements } from '../../../shared/ledger.ts';
import { SUMS } from '../../../shared/ledger-columns.ts';
import { nanoToUsd } from '../../../shared/money.ts';
import { billedBy } from '../../../shared/pricing.ts';
import type { UsageEvent } from '../../../shared/usage-event.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { applySchema, call, createKey, env, errorOf } from './support.ts';

const NOON = Date.UTC(2026, 10, 3, 12);
const HOUR = 3_600_000;

let ada: string;
let admin: string;
beforeAll(async () => {
  await applySchema();
  ada = await createKey('ada', { permissions: ['read'] });
  admin = await createKey('root', { permissions: ['read', 'admin'] });
});
beforeEach(emptyBooks);

async function emptyBooks(): Promise<void> {
  const tables = ['usage_logs', 'unpriced_attempts', 'usage_rollups_hourly', 'usage_rollups_daily'];
  await env.DB.batch(tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
}

type Row = Record<string, string | number | null>;
const rows = async <T = Row>(sql: string) => (await env.DB.prepare(sql).all<T>()).results;

/** The id of a request that came at a time; the greater the number, the later among those of its millisecond. */
const idOf = (at: number, n = 0) => `${firstIdOf(at)}-7000-8000-${n.toString(16).padStart(12, '0')}`;

async function book(...events: Partial<UsageEvent>[]): Promise<string[]> {
  const list = events.map((event, n) => {
    const created_at = event.created_at ?? NOON + n;
    return usageEvent({ request_id: idOf(created_at, n), user_id: 'ada', key_id: 'key_ada', created_at, ...event });
  });
  await env.DB.batch(
    ledgerStatements(
      env.DB,
      list.map((event) => billedBy(event)),
    ),
  );
  return list.map(({ request_id }) => request_id);
}

const get = (query = '', key = ada) => call(`/usage/requests?${query}`, { key });
const list = async (query = '', key = ada) => JSON.parse((await get(query, key)).text);
const idsOf = ({ data }: { data: { request_id: string }[] }) => data.map(({ request_id }) => request_id);

const SEARCH: Search = {
  ...{ userId: 'ada', keyId: null, model: null, outcome: null, from: 0, to: firstIdOf(2 ** 48 - 1), limit: 2 },
};

/** All that a search finds, however many calls it takes; fails where one does not go on from the one before. */
async function searchAll(search: Partial<Search>, bounds: typeof BOUNDS): Promise<{ ids: string[]; calls: number }> {
  const ids: string[] = [];
  let to = SEARCH.to;
  for (let calls = 1; ; calls += 1) {
    const found = await findRequests(env.DB, { ...SEARCH, ...search, to }, bounds);
    expect(found.ids.length).toBeLessThanOrEqual(search.limit ?? SEARCH.limit);
    ids.push(...found.ids);
    if (found.next === null) return { ids, calls };
    expect(found.next < to, 'goes on').toBe(true);
    // Of another account's request it tells the time alone.
    if (!found.ids.includes(found.next)) expect(found.next).toMatch(/^[\da-f]{8}-[\da-f]{4}$/);
    to = found.next;
  }
}

const tokens = fc.option(fc.integer({ min: 0, max: 2_000_000 }));
const event = fc.record({
  user_id: fc.constantFrom('ada', 'ada', 'bob'),
  key_id: fc.constantFrom('k1', 'k2'),
  requested_model: fc.constantFrom('a/model', 'b/model'),
  model: fc.option(fc.constantFrom('a/model', 'a/model-2026')),
  status: fc.constantFrom(200, 499, 400, 502),
  input_tokens: tokens,
  output_tokens: tokens,
  cached_tokens: tokens,
  cache_write_tokens: tokens,
  reasoning_tokens: tokens,
  cost_nano_usd: fc.option(fc.nat({ max: 1_000_000_000 })),
  unpriced: fc.array(
    fc.record({
      ...{ model: fc.constant('a/model'), generation_id: fc.option(fc.constant('gen-1')), images: fc.constant(0) },
      ...{ usage_source: fc.constantFrom('provider' as const, 'estimated' as const), relayed: fc.boolean() },
      ...{ input_tokens: tokens, output_tokens: tokens, cached_tokens: tokens, cache_write_tokens: tokens },
      reasoning_tokens: tokens,
    }),
    { maxLength: 2 },
  ),
  // Hours side by side and far apart, and several requests in one millisecond.
  created_at: fc
    .tuple(fc.constantFrom(0, 1, 2, 7, 30, 31, 200, 5_000), fc.constantFrom(0, 1, 2, HOUR - 1))
    .map(([hours, ms]) => NOON - hours * HOUR + ms),
});
const truth = fc.option(
  fc.record({ ...Object.fromEntries(SUMS.slice(1, 6).map((name) => [name, tokens])), cost_nano_usd: fc.nat() }),
);

async function correct(round: (object | null)[], now: number): Promise<void> {
  const open = await rows<AttemptRow>('SELECT * FROM unpriced_attempts ORDER BY request_id, attempt');
  const corrections = open.flatMap((from, n): Correction[] => {
    const to = round[n % round.length] as Correction['to'] | null | undefined;
    return to ? [{ from, by: 'reconciled', to: { ...to, state: 'reconciled', usage_source: 'reconciled' } }] : [];
  });
  const statements = adjustmentStatements(env.DB, corrections, now);
  if (statements.length > 0) await env.DB.batch(statements);
}

describe('GET /usage/requests', () => {
  it('has every request of the account once, as the view request_costs has it, in pages of any size', async () => {
    let corrected = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { minLength: 10, maxLength: 40 }),
        fc.array(fc.array(truth, { minLength: 1, maxLength: 5 }), { maxLength: 2 }),
        fc.integer({ min: 1, max: 9 }),
        async (events, rounds, limit) => {
          await emptyBooks();
          await book(...events);
          for (const [n, round] of rounds.entries()) await correct(round, NOON + n);
          const expected = await rows("SELECT * FROM request_costs WHERE user_id = 'ada' ORDER BY request_id DESC");
          corrected += expected.filter(({ corrections }) => Number(corrections) > 0).length;

          const pages: Row[] = [];
          for (let page = await list(`limit=${limit}`); ; page = await list(`limit=${limit}&after=${page.last_id}`)) {
            expect(page.first_id).toBe(page.data[0]?.request_id ?? null);
            expect(page.scanned_to).toBe(page.has_more ? page.last_id : null);
            pages.push(...page.data);
            if (!page.has_more) break;
          }
          expect(pages).toEqual(
            expected.map(({ cost: _, created_at, ...row }) =>
              expect.objectContaining({
                ...row,
                cost_usd: row.cost_nano_usd === null ? null : nanoToUsd(Number(row.cost_nano_usd)),
                created_at: new Date(Number(created_at)).toISOString(),
              }),
            ),
          );
        },
      ),
      { numRuns: 30, seed: 14 },
    );
    expect(corrected).toBeGreaterThan(50);
  });

  it('finds all of them by any filter and within any bounds, and comes to an end', async () => {
    let calls = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { minLength: 20, maxLength: 60 }),
        fc.record({
          userId: fc.option(fc.constantFrom('ada', 'bob', 'nobody')),
          keyId: fc.option(fc.constant('k1')),
          model: fc.option(fc.constantFrom('a/model', 'a/model-2026', 'b/model')),
          outcome: fc.option(fc.constantFrom('ok' as const, 'error' as const)),
          from: fc.constantFrom(0, NOON - 31 * HOUR, NOON - HOUR + 1),
          limit: fc.integer({ min: 1, max: 5 }),
        }),
        fc.record({
          looks: fc.integer({ min: 1, max: 3 }),
          // More than there are in a millisecond.
          requests: fc.integer({ min: 4, max: 12 }),
          hours: fc.integer({ min: 1, max: 5 }),
          ownHours: fc.integer({ min: 1, max: 5 }),
        }),
        async (generated, search, bounds) => {
          await emptyBooks();
          const byTime = Map.groupBy(generated, ({ created_at }) => created_at);
          const events = [...byTime.values()].flatMap((same) => same.slice(0, 3));
          await book(...events);
          const found = await searchAll(search, bounds);
          calls += found.calls;
          const { userId, keyId, model, outcome, from } = search;
          const failed = ({ status }: { status: number }) => status >= 400 && status !== 499;
          const expected = events.flatMap((one, n) =>
            (userId === null || one.user_id === userId) &&
            (keyId === null || one.key_id === keyId) &&
            (model === null || one.model === model || one.requested_model === model) &&
            (outcome === null || failed(one) === (outcome === 'error')) &&
            one.created_at >= from
              ? [idOf(one.created_at, n)]
              : [],
          );
          expect(found.ids).toEqual(expected.toSorted().toReversed());
        },
      ),
      { numRuns: 100, seed: 14 },
    );
    expect(calls, 'bounds were met').toBeGreaterThan(300);
  });

  it('shows a request whole', async () => {
    const [id] = await book({ provider: 'Azure', ttft_ms: 40, latency_ms: 90, attempts: 2, cache_write_tokens: null });
    expect(await list()).toEqual({
      object: 'list',
      data: [
        {
          ...{ request_id: id, user_id: 'ada', key_id: 'key_ada', endpoint: '/v1/chat/completions' },
          ...{ requested_model: 'a/one', model: 'a/one', provider: 'Azure', status: 200, finish_reason: 'stop' },
          ...{ input_tokens: 10, output_tokens: 5, cached_tokens: 4, cache_write_tokens: null, reasoning_tokens: 1 },
          ...{ cost_nano_usd: 1_500, cost_usd: '0.000001500', extra_cost_nano_usd: 0, unpriced_attempts: 0 },
          ...{ corrections: 0, usage_source: 'provider', latency_ms: 90, ttft_ms: 40, attempts: 2 },
          created_at: '2026-11-03T12:00:00.000Z',
        },
      ],
      ...{ first_id: id, last_id: id, has_more: false, scanned_to: null },
    });
  });

  it('is empty, and at its end, where there is nothing', async () => {
    expect(await list()).toEqual({
      ...{ object: 'list', data: [], first_id: null, last_id: null, has_more: false, scanned_to: null },
    });
  });

  it('shows how a request ended that was taken for dead and told late, and finds it by that', async () => {
    const dead = { created_at: NOON, request_id: idOf(NOON), model: null, provider: null, finish_reason: null };
    const unknown = { input_tokens: null, output_tokens: null, cost_nano_usd: null, usage_source: 'unknown' as const };
    await book({ ...dead, ...unknown, status: 500, attempts: 0, unpriced_attempts: 1 });
    expect(idsOf(await list('outcome=error'))).toEqual([idOf(NOON)]);
    await book({
      created_at: NOON,
      request_id: idOf(NOON),
      provider: 'Azure',
      status: 200,
      latency_ms: 7,
      attempts: 1,
    });
    expect((await list('outcome=ok')).data).toMatchObject([
      {
        ...{ status: 200, finish_reason: 'stop', provider: 'Azure', latency_ms: 7, attempts: 1, corrections: 1 },
        ...{ usage_source: 'provider', cost_nano_usd: 1_500, input_tokens: 10, unpriced_attempts: 0 },
      },
    ]);
    expect(idsOf(await list('outcome=error'))).toEqual([]);
  });

  it('takes a span of time to the millisecond, start included and end not', async () => {
    const ids = await book({ created_at: NOON }, { created_at: NOON + 1 }, { created_at: NOON + HOUR });
    const spans = async (start: string, end: string) => idsOf(await list(`start=${start}&end=${end}`));
    expect(await spans('2026-11-03T12:00:00.001Z', '2026-11-03T13:00:00Z')).toEqual([ids[1]]);
    expect(await spans('2026-11-03', '2026-11-04')).toEqual(ids.toReversed());
    expect(idsOf(await list(`after=${ids[2]}&end=2026-11-03T12:00:00.001Z`))).toEqual([ids[0]]);
    expect(idsOf(await list(`after=${ids[0]}&start=2026-11-03`))).toEqual([]);
  });

  it('shows other accounts, or all, to admins alone', async () => {
    const [own, other] = await book({}, { user_id: 'bob' });
    for (const query of ['user_id=bob', 'user_id=*']) {
      const answer = await get(query);
      expect([answer.status, errorOf(answer).code]).toEqual([403, 'insufficient_permissions']);
    }
    expect(idsOf(await list('user_id=ada'))).toEqual([own]);
    expect(idsOf(await list('user_id=bob', admin))).toEqual([other]);
    expect(idsOf(await list('user_id=*', admin))).toEqual([other, own]);
    expect(idsOf(await list('', admin))).toEqual([]);
  });

  it('is CSV if asked for, null as nothing, no formula, and tells the next page in a link', async () => {
    const [first, second] = await book({ model: '=1+1', cost_nano_usd: null, unpriced_attempts: 1 }, {});
    const answer = await get('format=csv&limit=1');
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="requests.csv"');
    expect(answer.headers.get('link')).toBe(`</usage/requests?format=csv&limit=1&after=${second}>; rel="next"`);
    const next = await call(`/v1/usage/requests?after=${second}`, { key: ada, headers: { accept: 'text/csv' } });
    expect(next.headers.get('link')).toBeNull();
    expect(next.text.split('\r\n')).toEqual([
      'request_id,created_at,user_id,key_id,endpoint,requested_model,model,provider,status,finish_reason,input_tokens,' +
        'output_tokens,cached_tokens,cache_write_tokens,reasoning_tokens,cost_nano_usd,cost_usd,extra_cost_nano_usd,' +
        'unpriced_attempts,corrections,usage_source,latency_ms,ttft_ms,attempts',
      `${first},2026-11-03T12:00:00.000Z,ada,key_ada,/v1/chat/completions,a/one,'=1+1,,200,stop,10,5,4,1,1,,,0,1,0,provider,1,1,1`,
      '',
    ]);
  });

  it.each([
    ['limit=0', 'limit', 'expected a value >= 1'],
    ['limit=101', 'limit', 'expected a value <= 100'],
    ['after=019ab2c3', 'after', "expected the 'last_id' of the page before, or a request's id"],
    ['outcome=failed', 'outcome', "Supported values are: 'ok', 'error'"],
    ['start=yesterday', 'start', 'Expected an ISO date'],
    ['start=2026-11-04&end=2026-11-03', 'start', "must be before 'end'"],
    ['format=xml', 'format', "Supported values are: 'json', 'csv'"],
    ['model=', 'model', 'string too short'],
    ['color=red', null, "Unknown parameter: 'color'"],
  ])('refuses ?%s', async (query, param, message) => {
    const answer = await get(query);
    expect([answer.status, errorOf(answer).param]).toEqual([400, param]);
    expect(errorOf(answer).message).toContain(message);
  });

  it('is not to be had while D1 is away', async () => {
    const down = { prepare: () => ({ bind: () => ({ all: () => Promise.reject(new Error('down')) }) }) };
    const answer = await call('/usage/requests', { key: ada, env: { DB: down as unknown as D1Database } });
    expect([answer.status, errorOf(answer).code]).toEqual([503, 'service_unavailable']);
  });
});

describe('a call, beside millions of other requests,', () => {
  /** Requests of another account, one a millisecond. */
  const others = (from: number, count: number) =>
    env.DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?2 - 1)
       INSERT INTO usage_logs (request_id, user_id, key_id, endpoint, requested_model, status, usage_source, latency_ms, attempts, created_at, recorded_at)
       SELECT printf('%08x-%04x-7000-8000-000000000000', (?1 + i) >> 16, (?1 + i) & 65535),
              'bob', 'k', '/', 'm', 200, 'provider', 1, 1, ?1 + i, ?1 + i FROM n`,
    )
      .bind(from, count)
      .run();

  interface Asked {
    sql: string;
    values: unknown[];
    rowsRead: number;
  }
  /** The database, and what it is asked. */
  function watched(): { DB: D1Database; asked: Asked[] } {
    const asked: Asked[] = [];
    const prepare = (sql: string) => ({
      bind: (...values: unknown[]) => ({
        async all() {
          const answer = await env.DB.prepare(sql)
            .bind(...values)
            .all();
          asked.push({ sql, values, rowsRead: answer.meta.rows_read });
          return answer;
        },
      }),
    });
    return { DB: { prepare } as unknown as D1Database, asked };
  }

  it('looks at 50,000 of them and says where to go on, without a request too', async () => {
    const [id] = await book({ created_at: NOON });
    await others(NOON + 1, 60_000);
    const { DB, asked } = watched();
    const first = JSON.parse((await call('/usage/requests', { key: ada, env: { DB } })).text);
    expect(first).toMatchObject({ data: [], first_id: null, has_more: true, last_id: firstIdOf(NOON + 10_002) });
    expect(first.scanned_to).toBe(first.last_id);
    // Each look reads them twice: for what fits, and for where it ends.
    expect(asked).toHaveLength(1 + 4 + 1);
    for (const { rowsRead } of asked) expect(rowsRead).toBeLessThan(25_100);
    const second = await list(`after=${first.last_id}`);
    expect(second).toMatchObject({ data: [{ request_id: id }], has_more: false, scanned_to: null });
  });

  it('reads none of the hours in which the account had no request, nor more than a page needs', async () => {
    const ids = await book({ created_at: NOON }, { created_at: NOON + 5 * HOUR }, { created_at: NOON + 5 * HOUR + 1 });
    await others(NOON + HOUR, 3_000);
    await others(NOON + 5 * HOUR - 3_000, 3_000);
    const { DB, asked } = watched();
    expect(await findRequests(DB, SEARCH)).toEqual({ ids: [ids[2], ids[1]], next: ids[1] });
    expect(await findRequests(DB, { ...SEARCH, limit: 9 })).toEqual({ ids: ids.toReversed(), next: null });
    expect(await findRequests(DB, { ...SEARCH, userId: null })).toEqual({ ids: [ids[2], ids[1]], next: ids[1] });
    for (const { rowsRead } of asked) expect(rowsRead).toBeLessThan(30);
  });

  it('finds everything by primary keys', async () => {
    await book(...Array.from({ length: 12 }, (_, n) => ({ created_at: NOON - 2 * n * HOUR })));
    const { DB, asked } = watched();
    await findRequests(DB, { ...SEARCH, outcome: 'ok', limit: 50 });
    expect(asked).toHaveLength(4);
    for (const { sql, values } of asked) {
      const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .bind(...values)
        .all<{ detail: string }>();
      const details = plan.results.map(({ detail }) => detail);
      const tables = details.filter((detail) => /usage_|late/.test(detail));
      expect(tables.length).toBeGreaterThan(0);
      for (const detail of tables) expect(detail).toContain('USING PRIMARY KEY');
      expect(details.join(), 'in order as it is read').not.toContain('TEMP B-TREE');
    }
  });
});
