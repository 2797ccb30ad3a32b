import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { firstIdOf } from '../../../shared/ids.ts';
import { ledgerStatements, ROLLUPS } from '../../../shared/ledger.ts';
import { priceOf, readPriceBook } from '../../../shared/price-book.ts';
import { billedBy } from '../../../shared/pricing.ts';
import type { UnpricedAttempt, UsageEvent } from '../../../shared/usage-event.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { applySchema, call, createKey, env, errorOf, post } from './support.ts';

const FROM = Date.UTC(2026, 10, 1);
const DAY_MS = 86_400_000;
const NOVEMBER = { from: '2026-11-01', to: '2026-12-01' };
const TABLES = [
  'usage_logs',
  'unpriced_attempts',
  'usage_rollups_hourly',
  'usage_rollups_daily',
  'model_prices',
  'audit_log',
];

let admin: string;
beforeAll(async () => {
  await applySchema();
  admin = await createKey('operator', { permissions: ['admin'] });
});
beforeEach(async () => {
  await env.DB.batch(TABLES.map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
});

const read = async (path: string) => JSON.parse((await call(`/admin${path}`, { key: admin })).text);
async function send(path: string, body: unknown) {
  const answer = await post(`/admin${path}`, admin, body);
  return { ...answer, body: JSON.parse(answer.text) };
}
const rows = async (sql: string) => (await env.DB.prepare(sql).all<Record<string, unknown>>()).results;
const everything = () => Promise.all(TABLES.map((table) => rows(`SELECT * FROM ${table}`)));

/** The upstream lists a price. */
async function listed(model: string, prompt: string, validFrom = 0): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO model_prices (model, valid_from, prompt, completion, overrides, source, created_at)
     VALUES (?1, ?2, ?3, '0', '[{"min_prompt_tokens":9}]', 'upstream', 0)`,
  )
    .bind(model, validFrom, prompt)
    .run();
}

/** A thousand tokens to a model, and none from it. */
function unpriced(change: Partial<UnpricedAttempt> = {}): UnpricedAttempt {
  return {
    model: 'a/one',
    generation_id: null,
    usage_source: 'provider',
    input_tokens: 1_000,
    output_tokens: 0,
    cached_tokens: null,
    cache_write_tokens: null,
    reasoning_tokens: null,
    images: 0,
    relayed: true,
    ...change,
  };
}

let minted = 0;
/** A request of a time with such attempts. */
function request(at: number, attempts: readonly UnpricedAttempt[], change: Partial<UsageEvent> = {}): UsageEvent {
  minted += 1;
  return usageEvent({
    request_id: `${firstIdOf(at)}-7000-8000-${minted.toString(16).padStart(12, '0')}`,
    cost_nano_usd: null,
    unpriced_attempts: attempts.length,
    unpriced: [...attempts],
    created_at: at,
    ...change,
  });
}

/** Enters requests into the ledger at the prices that there are. */
async function bill(requests: readonly UsageEvent[]): Promise<void> {
  const models = requests.flatMap(({ unpriced: list }) => list.map(({ model }) => model));
  const prices = await readPriceBook(env.DB, models);
  await env.DB.batch(
    ledgerStatements(
      env.DB,
      requests.map((event) => billedBy(event, prices)),
    ),
  );
}

/** What the ledger holds, once each rollup is seen to be the sum of it. */
async function ledger() {
  const sums = `coalesce(sum(cost_nano_usd), 0) AS cost, sum(extra_cost_nano_usd) AS extra,
                sum(unpriced_attempts) AS unpriced, sum(input_tokens) AS input`;
  for (const [table, period, periodMs] of ROLLUPS) {
    const by = (time: string, model: string, from: string) =>
      rows(
        `SELECT user_id, key_id, ${time} AS start, ${model} AS model, ${sums} FROM ${from} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
      );
    expect(await by(period, 'model', table)).toEqual(
      await by(`created_at / ${periodMs} * ${periodMs}`, 'coalesce(model, requested_model)', 'usage_logs'),
    );
  }
  const [total] = await rows(`SELECT ${sums} FROM usage_logs`);
  return total;
}

describe('the price book', () => {
  it('is read by model and time, page by page', async () => {
    await listed('b/two', '0.2');
    await listed('a/one', '0.1');
    await listed('a/one', '0.3', FROM);
    const all = await read('/prices');
    expect(all).toMatchObject({ object: 'list', has_more: false, first_id: 'a/one@0' });
    expect(all.data.map(({ id, prompt }: { id: string; prompt: string }) => [id, prompt])).toEqual([
      ['a/one@0', '0.1'],
      [`a/one@${FROM}`, '0.3'],
      ['b/two@0', '0.2'],
    ]);
    expect(all.data[1]).toMatchObject({
      object: 'model_price',
      valid_from: FROM / 1_000,
      image: null,
      overrides: [{ min_prompt_tokens: 9 }],
      source: 'upstream',
    });
    const first = await read('/prices?limit=2');
    expect(first).toMatchObject({ has_more: true });
    expect((await read(`/prices?limit=2&after=${encodeURIComponent(first.last_id)}`)).data).toEqual([all.data[2]]);
    expect((await read('/prices?model=a%2Fone&limit=1&after=a%2Fone@0')).data).toEqual([all.data[1]]);
    expect((await read('/prices?model=b%2Ftwo')).data).toEqual([all.data[2]]);
    expect((await read('/prices?model=c%2Fthree')).data).toEqual([]);
  });

  it('takes an operator’s prices, exactly as they are written, and keeps account of it', async () => {
    const price = { model: 'a/one', valid_from: FROM / 1_000, prompt: '0.0000000000335', completion: '3.35e-11' };
    const { status, body } = await send('/prices', price);
    expect(status).toBe(201);
    expect(body).toMatchObject({ ...price, id: `a/one@${FROM}`, source: 'operator', overrides: null, request: null });
    expect((await read('/prices')).data).toEqual([body]);
    const [entry] = (await read('/audit-log?target=a%2Fone')).data;
    expect(entry).toMatchObject({ action: 'price.set', actor_user_id: 'operator', changes: price });

    const again = await send('/prices', { ...price, prompt: '0.5', image: '0.001' });
    expect((await read('/prices')).data).toEqual([again.body]);
    const book = await readPriceBook(env.DB, ['a/one']);
    expect(priceOf(book, { ...unpriced(), input_tokens: 2, images: 1 }, FROM)).toBe(1_001_000_000);
    expect(priceOf(book, unpriced(), FROM - 1)).toBeNull();
  });

  it('has them from now on where no time is named', async () => {
    const { body } = await send('/prices', { model: 'a/one', prompt: '1', completion: '1' });
    expect(Math.abs(body.valid_from - Date.now() / 1_000)).toBeLessThan(10);
  });

  it('loses no row of the upstream’s to an operator’s', async () => {
    await listed('a/one', '0.1', FROM);
    const before = await everything();
    const answer = await send('/prices', { model: 'a/one', valid_from: FROM / 1_000, prompt: '1', completion: '1' });
    expect(answer.status).toBe(409);
    expect(errorOf(answer)).toMatchObject({ param: 'valid_from', code: 'price_exists' });
    expect(await everything()).toEqual(before);
  });

  it.each([
    [{ prompt: 0.1 }, 'prompt'],
    [{ prompt: '-1' }, 'prompt'],
    [{ prompt: 'free' }, 'prompt'],
    [{ completion: undefined }, 'completion'],
    [{ image: '' }, 'image'],
    [{ model: '' }, 'model'],
    [{ valid_from: 0 }, 'valid_from'],
    [{ valid_from: '2026-11-01' }, 'valid_from'],
    [{ overrides: [] }, null],
  ])('refuses %j', async (change, param) => {
    const answer = await send('/prices', { model: 'a/one', prompt: '1', completion: '1', ...change });
    expect(answer.status).toBe(400);
    expect(errorOf(answer).param).toBe(param);
    expect(await rows('SELECT * FROM model_prices')).toEqual([]);
  });

  it('refuses a cursor that is none', async () => {
    expect((await call('/admin/prices?after=here', { key: admin })).status).toBe(400);
  });
});

describe('re-rating', () => {
  const sums = (before: number, after: number) => ({
    before_nano_usd: before,
    after_nano_usd: after,
    difference_nano_usd: after - before,
  });

  it('says what would change, by model, and changes nothing', async () => {
    await listed('a/one', '0.000001');
    await listed('b/two', '0.000001');
    await bill([
      request(FROM, [unpriced(), unpriced({ model: 'b/two' })]),
      request(FROM + DAY_MS, [unpriced({ model: 'c/three' })]),
      request(FROM + 2 * DAY_MS, [unpriced({ usage_source: 'estimated' }), unpriced({ generation_id: 'gen-1' })]),
    ]);
    await listed('a/one', '0.000003', FROM + DAY_MS);
    await send('/prices', { model: 'c/three', valid_from: 1, prompt: '0.000002', completion: '0' });
    const before = await everything();
    const { status, body } = await send('/rerate', NOVEMBER);
    expect(status).toBe(200);
    expect(body).toEqual({
      object: 'rerating',
      from: '2026-11-01T00:00:00.000Z',
      to: '2026-12-01T00:00:00.000Z',
      dry_run: true,
      attempts: 5,
      changed: 3,
      without_price: 0,
      ...sums(4_000_000, 10_000_000),
      models: [
        { model: 'a/one', attempts: 3, changed: 2, without_price: 0, ...sums(3_000_000, 7_000_000) },
        { model: 'b/two', attempts: 1, changed: 0, without_price: 0, ...sums(1_000_000, 1_000_000) },
        { model: 'c/three', attempts: 1, changed: 1, without_price: 0, ...sums(0, 2_000_000) },
      ],
      archives: 0,
      next: null,
    });
    expect(await everything()).toEqual(before);
  });

  it('corrects the ledger and its rollups by it, once, and keeps account of it', async () => {
    await listed('a/one', '0.000001');
    await bill([
      request(FROM, [unpriced(), unpriced({ relayed: false })]),
      request(FROM + DAY_MS, [unpriced({ model: 'c/three' })]),
      request(FROM + 2 * DAY_MS, [unpriced({ usage_source: 'estimated' }), unpriced({ generation_id: 'gen-1' })]),
    ]);
    expect(await ledger()).toMatchObject({ cost: 4_000_000, extra: 1_000_000, unpriced: 3 });
    await send('/prices', { model: 'a/one', valid_from: 1, prompt: '0.0000005', completion: '0' });
    await send('/prices', { model: 'c/three', valid_from: 1, prompt: '0.000002', completion: '0' });

    const { body } = await send('/rerate', { ...NOVEMBER, dry_run: false });
    expect(body).toMatchObject({ dry_run: false, changed: 5, ...sums(4_000_000, 4_000_000) });
    expect(await ledger()).toMatchObject({ cost: 4_000_000, extra: 500_000, unpriced: 2 });
    expect(
      await rows('SELECT state, cost_nano_usd AS cost FROM unpriced_attempts ORDER BY request_id, attempt'),
    ).toEqual([
      { state: 'priced', cost: 500_000 },
      { state: 'priced', cost: 500_000 },
      { state: 'priced', cost: 2_000_000 },
      { state: 'given_up', cost: 500_000 },
      { state: 'pending', cost: 500_000 },
    ]);
    expect(
      await rows("SELECT adjustment FROM usage_logs WHERE adjustment <> '' ORDER BY request_id, adjustment"),
    ).toEqual([
      { adjustment: 'rerated 0.1' },
      { adjustment: 'rerated 1.1' },
      { adjustment: 'rerated 0.1' },
      { adjustment: 'rerated 0.1' },
      { adjustment: 'rerated 1.1' },
    ]);
    const [entry] = (await read('/audit-log')).data;
    expect(entry).toMatchObject({
      action: 'rerate.apply',
      target: '2026-11-01T00:00:00.000Z/2026-12-01T00:00:00.000Z',
      changes: { attempts: 5, changed: 5, difference_nano_usd: 0 },
    });

    const after = await everything();
    expect((await send('/rerate', { ...NOVEMBER, dry_run: false })).body).toMatchObject({
      changed: 0,
      ...sums(4_000_000, 4_000_000),
    });
    expect(await everything()).toEqual(after);
  });

  it('corrects once when two do it at once', async () => {
    await bill([request(FROM, [unpriced(), unpriced()])]);
    await send('/prices', { model: 'a/one', valid_from: 1, prompt: '0.000001', completion: '0' });
    await Promise.all([1, 2, 3].map(() => send('/rerate', { ...NOVEMBER, dry_run: false })));
    expect(await ledger()).toMatchObject({ cost: 2_000_000, unpriced: 0 });
    expect(await rows("SELECT count(*) AS n FROM usage_logs WHERE adjustment <> ''")).toEqual([{ n: 2 }]);
  });

  it('leaves what the upstream priced, before or afterwards, and what was given from the cache', async () => {
    await bill([
      request(FROM, [], { cost_nano_usd: 7, unpriced_attempts: 0, unpriced: [], usage_source: 'reconciled' }),
      request(FROM, [], { cost_nano_usd: 0, unpriced_attempts: 0, usage_source: 'cache', model: 'a/one' }),
      request(FROM, [unpriced({ generation_id: 'gen-1' })], { cost_nano_usd: 5, unpriced_attempts: 1 }),
    ]);
    await env.DB.prepare("UPDATE unpriced_attempts SET state = 'reconciled', cost_nano_usd = 3").run();
    await listed('a/one', '0.000001');
    const before = await everything();
    expect((await send('/rerate', { ...NOVEMBER, dry_run: false })).body).toMatchObject({ attempts: 0, changed: 0 });
    expect(await everything()).toEqual(before);
  });

  it('takes no price away where the book has none any more, and counts what has none', async () => {
    await listed('a/one', '0.000001');
    await bill([request(FROM, [unpriced(), unpriced({ model: 'c/three' })])]);
    await env.DB.prepare('DELETE FROM model_prices').run();
    expect((await send('/rerate', { ...NOVEMBER, dry_run: false })).body).toMatchObject({
      attempts: 2,
      changed: 0,
      without_price: 1,
      ...sums(1_000_000, 1_000_000),
    });
    expect(await ledger()).toMatchObject({ cost: 1_000_000 });
  });

  it('is about requests from the first instant on and before the last', async () => {
    const to = Date.UTC(2026, 11, 1);
    await bill([FROM - 1, FROM, to - 1, to].map((at) => request(at, [unpriced()])));
    await listed('a/one', '0.000001');
    expect((await send('/rerate', { ...NOVEMBER, dry_run: false })).body).toMatchObject({ attempts: 2, changed: 2 });
    expect(
      await rows('SELECT created_at AS at FROM unpriced_attempts WHERE cost_nano_usd IS NOT NULL ORDER BY 1'),
    ).toEqual([{ at: FROM }, { at: to - 1 }]);
  });

  it('goes on page by page, also within a request', async () => {
    const requests = Array.from({ length: 301 }, (_, n) => request(FROM + n, [unpriced(), unpriced()]));
    await bill(requests);
    await listed('a/one', '0.000001');
    const first = (await send('/rerate', { ...NOVEMBER, dry_run: false })).body;
    expect(first).toMatchObject({ attempts: 500, changed: 500 });
    expect(first.next).toBe(`${requests[249]?.request_id}.1`);
    const second = (await send('/rerate', { ...NOVEMBER, dry_run: false, after: first.next })).body;
    expect(second).toMatchObject({ attempts: 102, changed: 102, next: null });
    expect(await ledger()).toMatchObject({ cost: 602_000_000, unpriced: 0 });
  });

  it('says how many archives of the period it cannot reach', async () => {
    await env.DB.prepare(
      `INSERT INTO ledger_archives (object, first_request_id, last_request_id, rows, cost_nano_usd, sha256, archived_at, deleted_at, restored_at)
       SELECT value->>0, ?2, ?3, 1, 1, '', 1, value->>1, value->>2 FROM json_each(?1)`,
    )
      .bind(
        JSON.stringify([
          ['moved', 2, null],
          ['stored', null, null],
          ['back', 2, 3],
          ['left again', 4, 3],
        ]),
        firstIdOf(FROM),
        firstIdOf(FROM + 1),
      )
      .run();
    expect((await send('/rerate', NOVEMBER)).body).toMatchObject({ archives: 2 });
    expect((await send('/rerate', { from: '2026-12-01', to: '2026-12-02' })).body).toMatchObject({ archives: 0 });
    await env.DB.prepare('DELETE FROM ledger_archives').run();
  });

  it.each([
    [{ from: '2026-12-01' }, 'from'],
    [{ from: undefined }, 'from'],
    [{ to: 'tomorrow' }, 'to'],
    [{ to: 1_795_000_000 }, 'to'],
    [{ after: 'x' }, 'after'],
    [{ dry_run: 'no' }, 'dry_run'],
    [{ apply: true }, null],
  ])('refuses %j', async (change, param) => {
    const answer = await send('/rerate', { ...NOVEMBER, ...change });
    expect(answer.status).toBe(400);
    expect(errorOf(answer).param).toBe(param);
  });
});
