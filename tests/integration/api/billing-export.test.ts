import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AttemptRow, adjustmentStatements, type Correction } from '../../../shared/adjustments.ts';
import { uuidv7 } from '../../../shared/ids.ts';
import { ledgerStatements } from '../../../shared/ledger.ts';
import { SUMS } from '../../../shared/ledger-columns.ts';
import { nanoToUsd } from '../../../shared/money.ts';
import { billedBy } from '../../../shared/pricing.ts';
import type { UnpricedAttempt, UsageEvent } from '../../../shared/usage-event.ts';
import { storeDeadLetters } from '../../support/dead-letter.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { applySchema, call, createKey, env, errorOf } from './support.ts';

const NOVEMBER = Date.UTC(2026, 10);
const DECEMBER = Date.UTC(2026, 11);
const COUNTS = ['requests', 'errors', ...SUMS] as const;

let admin: string;
beforeAll(async () => {
  await applySchema();
  admin = await createKey('operator', { permissions: ['admin'] });
});
beforeEach(emptyBooks);
afterEach(() => void vi.useRealTimers());

async function emptyBooks(): Promise<void> {
  const tables = ['usage_logs', 'unpriced_attempts', 'usage_rollups_hourly', 'usage_rollups_daily', 'dead_letters'];
  await env.DB.batch(tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
}

type Row = Record<string, string | number>;

const rows = async <T = Row>(sql: string) => (await env.DB.prepare(sql).all<T>()).results;
const get = (query: string, headers: Record<string, string> = {}) =>
  call(`/admin/billing?${query}`, { key: admin, headers });
const json = async (query: string) => JSON.parse((await get(query)).text);

async function book(...events: Partial<UsageEvent>[]): Promise<void> {
  const billed = events.map((event) => billedBy(usageEvent({ created_at: NOVEMBER, ...event })));
  await env.DB.batch(ledgerStatements(env.DB, billed));
}

/** The fields of CSV by RFC 4180, which has no apostrophes: those before formulas are taken away. */
function parseCsv(text: string): string[][] {
  const records: string[][] = [[]];
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/y;
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    if (!match) throw new Error(`No CSV at ${field.lastIndex}`);
    const [, quoted, plain = '', end] = match;
    records.at(-1)?.push((quoted?.replaceAll('""', '"') ?? plain).replace(/^'/, ''));
    if (end === '\r\n') records.push([]);
  }
  expect(records.pop(), 'ends with a line end').toEqual([]);
  return records;
}

const tokens = fc.option(fc.integer({ min: 0, max: 2_000_000 }));
const nano = fc.integer({ min: 0, max: 1_000_000_000_000 });
const attempt: fc.Arbitrary<UnpricedAttempt> = fc.record({
  model: fc.constant('a/model'),
  generation_id: fc.option(fc.constant('gen-1')),
  usage_source: fc.constantFrom('provider' as const, 'estimated' as const),
  input_tokens: tokens,
  output_tokens: tokens,
  cached_tokens: tokens,
  cache_write_tokens: tokens,
  reasoning_tokens: tokens,
  images: fc.constant(0),
  relayed: fc.boolean(),
});
const event = fc.record({
  user_id: fc.constantFrom('ada', 'o"brien, x', '=1+1', '@sum', "'quoted"),
  key_id: fc.constantFrom('k1', 'k2'),
  requested_model: fc.constantFrom('a/model', 'b/模型', '-cmd\r\nline', '\tx'),
  model: fc.option(fc.constantFrom('a/model', 'a/model-2026')),
  status: fc.constantFrom(200, 499, 400, 502),
  input_tokens: tokens,
  output_tokens: tokens,
  cached_tokens: tokens,
  cache_write_tokens: tokens,
  reasoning_tokens: tokens,
  cost_nano_usd: fc.option(nano),
  extra_cost_nano_usd: fc.nat({ max: 1_000_000 }),
  unpriced: fc.array(attempt, { maxLength: 2 }),
  created_at: fc.oneof(
    fc.integer({ min: NOVEMBER, max: DECEMBER - 1 }),
    fc.constantFrom(NOVEMBER - 1, NOVEMBER, DECEMBER - 1, DECEMBER),
  ),
});
/** What comes of the attempts, in turn; null: nothing yet. */
const truth = fc.option(
  fc.record({ ...Object.fromEntries(SUMS.slice(1, 6).map((name) => [name, tokens])), cost_nano_usd: nano }),
);
const history = fc.record({
  events: fc.array(event, { minLength: 1, maxLength: 30 }),
  truths: fc.array(fc.array(truth, { minLength: 1, maxLength: 8 }), { maxLength: 2 }),
});

/** A history in the ledger: requests, then rounds of corrections of what was not known of them. */
async function play({ events, truths }: typeof history extends fc.Arbitrary<infer T> ? T : never): Promise<void> {
  await book(...events.map((one) => ({ ...one, unpriced_attempts: one.unpriced.length })));
  for (const round of truths) {
    const open = await rows<AttemptRow>('SELECT * FROM unpriced_attempts ORDER BY request_id, attempt');
    const corrections = open.flatMap((from, n): Correction[] => {
      const to = round[n % round.length];
      if (!to) return [];
      const known = to as unknown as Correction['to'];
      return [{ from, by: 'reconciled', to: { ...known, state: 'reconciled', usage_source: 'reconciled' } }];
    });
    const statements = adjustmentStatements(env.DB, corrections);
    if (statements.length > 0) await env.DB.batch(statements);
  }
}

const sorted = (list: Row[]) => list.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

/** November's invoice lines, added up one ledger row after the other. */
async function linesOfLedger(): Promise<Row[]> {
  const lines = new Map<string, Record<string, number>>();
  for (const row of await rows<Record<string, string | number | null>>('SELECT * FROM usage_logs')) {
    const at = Number(row.created_at);
    if (at < NOVEMBER || at >= DECEMBER) continue;
    const name = JSON.stringify([row.user_id, row.model ?? row.requested_model]);
    const line = lines.get(name) ?? Object.fromEntries(COUNTS.map((count) => [count, 0]));
    const own = row.adjustment === '';
    const failed = Number(row.status) >= 400 && row.status !== 499;
    const added: Record<string, unknown> = { ...row, requests: own, errors: own && failed };
    lines.set(name, Object.fromEntries(COUNTS.map((count) => [count, (line[count] ?? 0) + Number(added[count] ?? 0)])));
  }
  return [...lines].map(([name, line]) => {
    const [user_id, model] = JSON.parse(name) as [string, string];
    return { user_id, model, ...line, cost_usd: nanoToUsd(line.cost_nano_usd ?? 0) };
  });
}

describe('GET /admin/billing', () => {
  it('and the views say to the nano-dollar what the ledger does, corrections included', async () => {
    let corrected = 0;
    await fc.assert(
      fc.asyncProperty(history, async (one) => {
        await emptyBooks();
        await play(one);
        corrected += (await rows("SELECT 1 FROM usage_logs WHERE adjustment <> ''")).length;
        const expected = await linesOfLedger();

        const { data, accounts, total } = await json('month=2026-11');
        expect(sorted(data)).toEqual(sorted(expected));
        for (const sums of [...accounts, { ...total, user_id: null }]) {
          const own = expected.filter(({ user_id }) => sums.user_id === null || user_id === sums.user_id);
          for (const count of COUNTS) {
            expect(sums[count]).toBe(own.reduce((sum, line) => sum + Number(line[count]), 0));
          }
          expect(sums.cost_usd).toBe(nanoToUsd(sums.cost_nano_usd));
        }

        const [header = [], ...lines] = parseCsv((await get('month=2026-11&format=csv')).text);
        const records = lines.map((fields) =>
          Object.fromEntries(
            header.map((name, n) => [name, COUNTS.some((count) => count === name) ? Number(fields[n]) : fields[n]]),
          ),
        );
        expect(records).toEqual(data.map((line: Row) => ({ month: '2026-11', ...line })));

        const monthly = await rows("SELECT * FROM billing_monthly WHERE month = '2026-11'");
        expect(sorted(monthly.map(({ month: _, ...line }) => line))).toEqual(
          sorted(data.map(({ cost_usd: _, ...line }: Row) => ({ ...line, cost: Number(line.cost_nano_usd) / 1e9 }))),
        );
        const [daily] = await rows("SELECT sum(cost_nano_usd) AS sum FROM daily_costs WHERE day LIKE '2026-11-%'");
        expect(daily?.sum ?? 0).toBe(total.cost_nano_usd);
        const [own] = await rows(
          `SELECT sum(cost_nano_usd) AS cost_nano_usd, sum(unpriced_attempts) AS unpriced_attempts, count(*) AS requests
             FROM request_costs WHERE created_at >= ${NOVEMBER} AND created_at < ${DECEMBER}`,
        );
        expect(own?.requests).toBe(total.requests);
        if (total.requests > 0) expect(own).toMatchObject({ unpriced_attempts: total.unpriced_attempts });
        expect(own?.cost_nano_usd ?? 0).toBe(total.cost_nano_usd);
      }),
      { numRuns: 25, seed: 8 },
    );
    expect(corrected).toBeGreaterThan(50);
  });

  it('is in order of accounts and models, and of one account if asked', async () => {
    await book(
      { user_id: 'b', model: 'm/2' },
      { user_id: 'b', model: 'm/1' },
      { user_id: 'a', model: 'm/2' },
      { user_id: 'B', model: 'm/1' },
    );
    const names = ({ data }: { data: Row[] }) => data.map(({ user_id, model }) => `${user_id} ${model}`);
    expect(names(await json('month=2026-11'))).toEqual(['B m/1', 'a m/2', 'b m/1', 'b m/2']);
    const one = await json('month=2026-11&user_id=b');
    expect(names(one)).toEqual(['b m/1', 'b m/2']);
    expect(one.accounts).toEqual([expect.objectContaining({ user_id: 'b', requests: 2, cost_usd: '0.000003000' })]);
    expect(one.total).toMatchObject({ requests: 2, cost_nano_usd: 3_000 });
  });

  it('of a month without requests is empty, and only its header in CSV', async () => {
    expect(await json('month=2026-10')).toMatchObject({
      ...{ object: 'billing', month: '2026-10', data: [], accounts: [] },
      ...{ start: '2026-10-01T00:00:00.000Z', end: '2026-11-01T00:00:00.000Z' },
      total: { requests: 0, cost_nano_usd: 0, cost_usd: '0.000000000' },
    });
    expect((await get('month=2026-10&format=csv')).text).toBe(
      'month,user_id,model,requests,errors,unpriced_attempts,input_tokens,output_tokens,cached_tokens,' +
        'cache_write_tokens,reasoning_tokens,cost_nano_usd,extra_cost_nano_usd,cost_usd\r\n',
    );
  });

  it('is closed once the month is over and none of its attempts is open', async () => {
    expect(await json('month=2026-01')).toMatchObject({ closed: true, open_attempts: 0 });
    expect(await json(`month=${new Date().toISOString().slice(0, 7)}`)).toMatchObject({ closed: false });
    const pending = { ...attemptOf('gen-1'), usage_source: 'estimated' as const };
    await book({ created_at: Date.UTC(2026, 0, 31), unpriced: [pending, attemptOf(null)], unpriced_attempts: 2 });
    expect(await json('month=2026-01')).toMatchObject({ closed: false, open_attempts: 2 });
    expect(await json('month=2025-12')).toMatchObject({ closed: true, open_attempts: 0 });
    await env.DB.prepare("UPDATE unpriced_attempts SET state = 'given_up'").run();
    expect(await json('month=2026-01'), 'a price may still come').toMatchObject({ closed: false, open_attempts: 2 });
    await env.DB.prepare('UPDATE unpriced_attempts SET cost_nano_usd = 7').run();
    expect(await json('month=2026-01')).toMatchObject({ closed: true, open_attempts: 0 });
  });

  it('is not closed before a day is over in which its last requests may still wait in a queue', async () => {
    vi.useFakeTimers({ now: DECEMBER + 86_399_999, toFake: ['Date'] });
    expect(await json('month=2026-11')).toMatchObject({ closed: false });
    vi.setSystemTime(DECEMBER + 86_400_000);
    expect(await json('month=2026-11')).toMatchObject({ closed: true });
  });

  it('is not closed while messages are stuck that would bill its requests, and says how much they would', async () => {
    const at = Date.UTC(2026, 0, 31, 23);
    const [stuck, billed] = [usageEvent({ created_at: at, cost_nano_usd: 700 }), usageEvent({ created_at: at })];
    await book(billed);
    const [first] = await storeDeadLetters(env.DB, [
      { body: stuck },
      { body: stuck, queue: 'openai-api-usage' },
      { body: billed },
      { body: { ...stuck, cost_nano_usd: 50_000 }, queue: 'openai-api-analytics' },
      { body: usageEvent({ created_at: at, cost_nano_usd: 6_000 }), state: 'discarded' },
      { body: usageEvent({ created_at: Date.UTC(2026, 1), cost_nano_usd: 30 }) },
    ]);
    expect(await json('month=2026-01')).toMatchObject({ closed: false, open_attempts: 0, unbilled_nano_usd: 700 });
    expect(await json('month=2026-02&user_id=nobody')).toMatchObject({ closed: false, unbilled_nano_usd: 30 });
    expect(await json('month=2025-12')).toMatchObject({ closed: true, unbilled_nano_usd: 0 });

    await env.DB.prepare("UPDATE dead_letters SET state = 'discarded' WHERE id <> ?1").bind(first).run();
    expect(await json('month=2026-01')).toMatchObject({ closed: false, unbilled_nano_usd: 700 });
    await book(stuck);
    expect(await json('month=2026-01')).toMatchObject({ closed: true, unbilled_nano_usd: 0 });
  });

  it('counts what is stuck and tells no time to the month in which it was sent', async () => {
    await storeDeadLetters(env.DB, [{ body: '{"request_id":"cut sh', created_at: Date.UTC(2026, 0, 15) }]);
    expect(await json('month=2026-01')).toMatchObject({ closed: false, unbilled_nano_usd: 0 });
    expect(await json('month=2025-12')).toMatchObject({ closed: true });
  });

  it('says in headers, too, whether more may come', async () => {
    const told = async (query: string) => {
      const { headers } = await get(query);
      return ['closed', 'open-attempts', 'unbilled-nano-usd'].map((name) => headers.get(`x-billing-${name}`));
    };
    expect(await told('month=2026-01&format=csv')).toEqual(['true', '0', '0']);
    const at = Date.UTC(2026, 0, 31);
    await book({ created_at: at, unpriced: [attemptOf('gen-1')], unpriced_attempts: 1 });
    await storeDeadLetters(env.DB, [{ body: usageEvent({ created_at: at, cost_nano_usd: 2_500 }) }]);
    for (const format of ['csv', 'json'])
      expect(await told(`month=2026-01&format=${format}`)).toEqual(['false', '1', '2500']);
  });

  it('is CSV for who prefers that, unless the format is named', async () => {
    const type = async (query: string, accept: string) => (await get(query, { accept })).headers.get('content-type');
    const csv = 'text/csv; charset=utf-8; header=present';
    expect(await type('month=2026-11', 'text/csv')).toBe(csv);
    expect(await type('month=2026-11', 'application/json;q=0.5, text/csv')).toBe(csv);
    expect(await type('month=2026-11', '*/*')).toBe('application/json');
    expect(await type('month=2026-11&format=json', 'text/csv')).toBe('application/json');
    const { headers } = await get('month=2026-11&format=csv', { accept: 'application/json' });
    expect(headers.get('content-type')).toBe(csv);
    expect(headers.get('content-disposition')).toBe('attachment; filename="billing-2026-11.csv"');
    expect(headers.get('vary')).toContain('accept');
  });

  it('gives a spreadsheet no formula to run', async () => {
    await book({ user_id: '=HYPERLINK("https://evil.example")', model: null, requested_model: "'+1" });
    const [, line] = (await get('month=2026-11&format=csv')).text.split('\r\n');
    expect(line).toMatch(/^2026-11,"'=HYPERLINK\(""https:\/\/evil\.example""\)",''\+1,1,/);
  });

  it('refuses a month with more lines than an isolate has room for, but not one of its accounts', async () => {
    await env.DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 15000)
       INSERT INTO usage_rollups_daily
       SELECT 'account-' || (i % 2), ${NOVEMBER}, 'k', 'm/' || i, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0 FROM n`,
    ).run();
    const all = await get('month=2026-11');
    expect(all.status).toBe(400);
    expect(errorOf(all)).toMatchObject({ param: 'user_id', code: 'too_many_lines' });
    expect((await json('month=2026-11&user_id=account-1')).total).toMatchObject({ requests: 7_500 });
  });

  it.each([
    ['', 'month'],
    ['month=2026-13', 'month'],
    ['month=2026-1', 'month'],
    ['month=november', 'month'],
    ['month=2026-11&format=xml', 'format'],
    ['month=2026-11&color=red', null],
  ])('refuses ?%s', async (query, param) => {
    const answer = await get(query);
    expect(answer.status).toBe(400);
    expect(errorOf(answer).param).toBe(param);
  });
});

describe('the view', () => {
  it('request_costs has one row a request, unknown as long as nobody knows', async () => {
    const id = uuidv7();
    await book({
      ...{ request_id: id, cost_nano_usd: null, input_tokens: null, output_tokens: 3, unpriced_attempts: 1 },
      unpriced: [attemptOf('gen-1')],
    });
    expect(await rows('SELECT * FROM request_costs')).toEqual([
      expect.objectContaining({
        ...{ request_id: id, user_id: 'alice', corrections: 0, input_tokens: null, output_tokens: 3 },
        ...{ cost_nano_usd: null, cost: null, unpriced_attempts: 1 },
      }),
    ]);
    const [from] = await rows<AttemptRow>('SELECT * FROM unpriced_attempts');
    const known = { ...attemptOf('gen-1'), input_tokens: 7, cost_nano_usd: 1_500_000_000 };
    await env.DB.batch(
      adjustmentStatements(env.DB, [
        {
          from: from as AttemptRow,
          by: 'reconciled',
          to: { ...known, state: 'reconciled', usage_source: 'reconciled' },
        },
      ]),
    );
    expect(await rows('SELECT * FROM request_costs')).toEqual([
      expect.objectContaining({
        ...{ request_id: id, corrections: 1, input_tokens: 7, output_tokens: 3 },
        ...{ cost_nano_usd: 1_500_000_000, cost: 1.5, unpriced_attempts: 0 },
      }),
    ]);
  });

  it('stuck_money says of what is stuck the same as the summary of dead letters', async () => {
    const [billed, twice] = [usageEvent({ cost_nano_usd: 1 }), usageEvent({ cost_nano_usd: 1_000_000_000 })];
    await book(billed);
    const given = 'openai-api-usage-dead-letters-production';
    await storeDeadLetters(env.DB, [
      { body: twice, queue: given, created_at: 5_000 },
      { body: twice, queue: given, created_at: 4_000 },
      { body: { ...twice, cost_nano_usd: 7 }, queue: 'openai-api-usage', created_at: 3_000 },
      { body: billed, queue: given, created_at: 6_000 },
      { body: usageEvent({ cost_nano_usd: 20 }), queue: 'openai-api-usage', created_at: 7_000 },
      { body: usageEvent({ cost_nano_usd: 300 }), queue: 'openai-api-analytics', created_at: 2_000 },
      { body: usageEvent({ cost_nano_usd: 4_000 }), queue: given, state: 'discarded' },
      { body: usageEvent({ cost_nano_usd: 50_000 }), queue: given, state: 'replayed' },
      { body: 'no object', queue: given, created_at: 8_000 },
    ]);
    const view = await rows('SELECT * FROM stuck_money ORDER BY queue');
    expect(view).toEqual([
      { queue: 'openai-api-analytics', messages: 1, oldest_at: 2_000, cost_nano_usd: 0, cost: 0 },
      { queue: 'openai-api-usage', messages: 2, oldest_at: 3_000, cost_nano_usd: 20, cost: 2e-8 },
      { queue: given, messages: 4, oldest_at: 4_000, cost_nano_usd: 1_000_000_000, cost: 1 },
    ]);
    const { data } = JSON.parse((await call('/admin/dead-letters/summary?state=stuck', { key: admin })).text);
    expect(view).toEqual(
      data.map(({ queue, count, oldest_at, unbilled_nano_usd }: Record<string, number>) => ({
        ...{ queue, messages: count, oldest_at: Number(oldest_at) * 1_000 },
        ...{ cost_nano_usd: unbilled_nano_usd, cost: Number(unbilled_nano_usd) / 1e9 },
      })),
    );
  });
});

function attemptOf(generation_id: string | null): UnpricedAttempt {
  const none = { output_tokens: null, cached_tokens: null, cache_write_tokens: null, reasoning_tokens: null };
  return { model: 'm', generation_id, usage_source: 'provider', input_tokens: null, ...none, images: 0, relayed: true };
}
