import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AttemptRow, adjustmentStatements, type Correction } from '../../../shared/adjustments.ts';
import { SUMS } from '../../../shared/ledger-columns.ts';
import { nanoToUsd } from '../../../shared/money.ts';
import { book, emptyBooks, event, HOUR, idOf, NOON, tokens } from './booked-requests.ts';
import { applySchema, call, createKey, env, errorOf } from './support.ts';

let ada: string;
let admin: string;
beforeAll(async () => {
  await applySchema();
  ada = await createKey('ada', { permissions: ['read'] });
  admin = await createKey('root', { permissions: ['read', 'admin'] });
});
beforeEach(emptyBooks);

type Row = Record<string, string | number | null>;
const rows = async <T = Row>(sql: string) => (await env.DB.prepare(sql).all<T>()).results;

const get = (query = '', key = ada) => call(`/usage/requests?${query}`, { key });
const list = async (query = '', key = ada) => JSON.parse((await get(query, key)).text);
const idsOf = ({ data }: { data: { request_id: string }[] }) => data.map(({ request_id }) => request_id);

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

  it('knows no more of a request that was told late than was told', async () => {
    const unknown = { input_tokens: null, output_tokens: null, cached_tokens: null, reasoning_tokens: null };
    const dead = { created_at: NOON, request_id: idOf(NOON), cache_write_tokens: null, cost_nano_usd: null };
    await book({ ...dead, ...unknown, status: 500, usage_source: 'unknown', attempts: 0, unpriced_attempts: 1 });
    await book({ ...dead, ...unknown, input_tokens: 0, usage_source: 'estimated', unpriced_attempts: 1 });
    expect((await list()).data).toMatchObject([
      { ...unknown, input_tokens: 0, cost_nano_usd: null, cost_usd: null, unpriced_attempts: 1, corrections: 1 },
    ]);
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
    const [first, second] = await book(
      { model: '=1+1', finish_reason: '\0=1+1', cost_nano_usd: null, unpriced_attempts: 1 },
      {},
    );
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
      `${first},2026-11-03T12:00:00.000Z,ada,key_ada,/v1/chat/completions,a/one,'=1+1,,200,'\0=1+1,10,5,4,1,1,,,0,1,0,provider,1,1,1`,
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
