import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BOUNDS, findRequests, type Search } from '../../../api-worker/routes/usage/find-requests.ts';
import { firstIdOf } from '../../../shared/ids.ts';
import { book, emptyBooks, event, HOUR, idOf, NOON } from './booked-requests.ts';
import { applySchema, call, createKey, env } from './support.ts';

beforeAll(applySchema);
beforeEach(emptyBooks);

const SEARCH: Search = {
  ...{ userId: 'ada', keyId: null, model: null, outcome: null, from: 0, to: firstIdOf(2 ** 48 - 1), limit: 2 },
};

/** All that a search finds, however many calls it takes; fails where one does not go on from the one before. */
async function searchAll(
  search: Partial<Search>,
  bounds: typeof BOUNDS,
  meanwhile = async (): Promise<unknown> => undefined,
): Promise<{ ids: string[]; calls: number }> {
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
    await meanwhile();
  }
}

describe('a search for requests', () => {
  it('finds all by any filter and within any bounds, and comes to an end', async () => {
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

  it('skips and doubles none while others arrive', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 20, maxLength: 60 }), async (generated) => {
        await emptyBooks();
        const all = generated.map((one, n) => ({ ...one, request_id: idOf(one.created_at, n) }));
        const [there, arriving] = [all.slice(0, 12), all.slice(12)];
        await book(...there);
        const arrive = async () => arriving.length > 0 && book(...arriving.splice(0, 2));
        const { ids } = await searchAll({}, { looks: 2, requests: 12, hours: 3, ownHours: 2 }, arrive);
        expect(ids).toEqual([...new Set(ids)].toSorted().toReversed());
        const own = there.filter(({ user_id }) => user_id === 'ada').map(({ request_id }) => request_id);
        expect(ids).toEqual(expect.arrayContaining(own));
      }),
      { numRuns: 50, seed: 14 },
    );
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
    const key = await createKey('ada', { permissions: ['read'] });
    const page = async (query: string, changed = {}) =>
      JSON.parse((await call(`/usage/requests?${query}`, { key, env: changed })).text);
    await page('limit=1'); // From then on its key is known without the database.
    const { DB, asked } = watched();
    const first = await page('', { DB });
    expect(first).toMatchObject({ data: [], first_id: null, has_more: true, last_id: firstIdOf(NOON + 10_002) });
    expect(first.scanned_to).toBe(first.last_id);
    // Each look reads them twice: for what fits, and for where it ends.
    expect(asked).toHaveLength(1 + 4 + 1);
    for (const { rowsRead } of asked) expect(rowsRead).toBeLessThan(25_100);
    const second = await page(`after=${first.last_id}`);
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
