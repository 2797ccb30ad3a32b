import { beforeAll, describe, expect, it } from 'vitest';
import { type AttemptRow, adjustmentStatements, type Correction } from '../../../shared/adjustments.ts';
import { uuidv7 } from '../../../shared/ids.ts';
import { ledgerStatements } from '../../../shared/ledger.ts';
import { billedBy } from '../../../shared/pricing.ts';
import type { UnpricedAttempt, UsageEvent } from '../../../shared/usage-event.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { applySchema, call, createKey, env, errorOf } from './support.ts';

const NOON = Date.UTC(2026, 10, 3, 12);

let ada: string;
let admin: string;
beforeAll(async () => {
  await applySchema();
  ada = await createKey('ada', { permissions: ['read'] });
  admin = await createKey('root', { permissions: ['read', 'admin'] });
  await env.DB.prepare(
    `INSERT INTO model_prices (model, valid_from, canonical_slug, prompt, completion, overrides, source, created_at) VALUES
       ('a/one', 0, NULL, '0.000001', '0.000002', NULL, 'upstream', 0),
       ('a/one', ?1, 'a/one-2026', '0.000003', '0.000004', '[{"min_prompt_tokens":9}]', 'operator', 0),
       ('a/one', ?1 + 1, 'a/one-2026', '0.000005', '0.000006', NULL, 'upstream', 0)`,
  )
    .bind(NOON)
    .run();
});

async function book(change: Partial<UsageEvent> = {}): Promise<string> {
  const event = usageEvent({ user_id: 'ada', created_at: NOON, ...change });
  await env.DB.batch(ledgerStatements(env.DB, [billedBy(event)], NOON));
  return event.request_id;
}

const receipt = async (id: string, key = ada) => {
  const answer = await call(`/v1/usage/requests/${id}`, { key });
  return { answer, body: JSON.parse(answer.text) };
};

const ATTEMPT: UnpricedAttempt = {
  ...{ model: 'a/one', generation_id: 'gen-1', usage_source: 'estimated', images: 0, relayed: true },
  ...{ input_tokens: 100, output_tokens: 20, cached_tokens: null, cache_write_tokens: null, reasoning_tokens: null },
};

async function correct(id: string, attempt: number, by: Correction['by'], to: Correction['to'], now: number) {
  const from = await env.DB.prepare('SELECT * FROM unpriced_attempts WHERE request_id = ?1 AND attempt = ?2')
    .bind(id, attempt)
    .first<AttemptRow>();
  if (!from) throw new Error(`There is no attempt ${attempt}.`);
  await env.DB.batch(adjustmentStatements(env.DB, [{ from, by, to }], now));
}

describe('GET /usage/requests/{id}', () => {
  it('tells what a request cost, how that was corrected, and what its attempts did not tell', async () => {
    const id = await book({
      ...{ cost_nano_usd: null, usage_source: 'estimated', input_tokens: 100, output_tokens: 20, attempts: 2 },
      ...{ cached_tokens: null, cache_write_tokens: null },
      ...{ unpriced: [ATTEMPT, { ...ATTEMPT, model: 'no/price', generation_id: null, relayed: false }] },
      unpriced_attempts: 2,
    });
    const tokens = { cached_tokens: 30, cache_write_tokens: null, reasoning_tokens: null };
    await correct(
      ...([id, 0, 'reconciled'] as const),
      {
        ...tokens,
        input_tokens: 110,
        output_tokens: 25,
        cost_nano_usd: 700,
        state: 'reconciled',
        usage_source: 'reconciled',
      },
      NOON + 60_000,
    );
    await correct(
      ...([id, 1, 'rerated'] as const),
      { ...ATTEMPT, cost_nano_usd: 40, state: 'given_up', usage_source: 'estimated' },
      NOON + 120_000,
    );
    const { body } = await receipt(id);
    expect(body).toMatchObject({
      ...{ object: 'request', request_id: id, user_id: 'ada', requested_model: 'a/one', attempts: 2 },
      ...{ input_tokens: 110, output_tokens: 25, cached_tokens: 30, cost_nano_usd: 740, cost_usd: '0.000000740' },
      ...{ cache_write_tokens: null, reasoning_tokens: 1 },
      ...{ extra_cost_nano_usd: 40, unpriced_attempts: 1, usage_source: 'estimated', latency_ms: 1 },
      created_at: '2026-11-03T12:00:00.000Z',
    });
    expect(body.corrections).toEqual([
      {
        ...{ adjustment: 'reconciled 0.1', recorded_at: '2026-11-03T12:01:00.000Z', usage_source: 'reconciled' },
        ...{ input_tokens: 10, output_tokens: 5, cached_tokens: 30, cache_write_tokens: null, reasoning_tokens: null },
        ...{ unpriced_attempts: -1, cost_nano_usd: 700, extra_cost_nano_usd: 0, cost_usd: '0.000000700' },
      },
      {
        ...{ adjustment: 'rerated 1.1', recorded_at: '2026-11-03T12:02:00.000Z', usage_source: 'estimated' },
        ...{ input_tokens: 0, output_tokens: 0, cached_tokens: null, cache_write_tokens: null, reasoning_tokens: null },
        ...{ unpriced_attempts: 0, cost_nano_usd: 40, extra_cost_nano_usd: 40, cost_usd: '0.000000040' },
      },
    ]);
    expect(body.unpriced).toEqual([
      {
        ...{ attempt: 0, model: 'a/one', state: 'reconciled', usage_source: 'reconciled', images: 0, relayed: true },
        ...{ input_tokens: 110, output_tokens: 25, ...tokens },
        ...{ cost_nano_usd: 700, asked: 0, generation_id: 'gen-1' },
      },
      {
        ...{ attempt: 1, model: 'no/price', state: 'given_up', usage_source: 'estimated', images: 0, relayed: false },
        ...{ input_tokens: 100, output_tokens: 20, cached_tokens: null, cache_write_tokens: null },
        ...{ reasoning_tokens: null, cost_nano_usd: 40, asked: 0, generation_id: null },
      },
    ]);
  });

  it('leaves what nobody knows null, never 0', async () => {
    const unknown = { input_tokens: null, output_tokens: null, cached_tokens: null, reasoning_tokens: null };
    const { body } = await receipt(await book({ ...unknown, cost_nano_usd: null, usage_source: 'unknown' }));
    expect(body).toMatchObject({ ...unknown, cost_nano_usd: null, cost_usd: null, unpriced_attempts: 1 });
    expect(body).toMatchObject({ corrections: [], unpriced: [], usage_source: 'unknown' });
  });

  it.each([
    ['of its time', { created_at: NOON - 1 }, { prompt: '0.000001', source: 'upstream', overrides: null }],
    ['from its first moment on', { created_at: NOON }, { prompt: '0.000003', source: 'operator' }],
    ['by the dated name that answered', { model: 'a/one-2026' }, { model: 'a/one', prompt: '0.000003' }],
    ['of a variant that is not listed', { model: 'a/one:online' }, { model: 'a/one', prompt: '0.000003' }],
    ['of the model that was asked for, where none answered', { model: null }, { prompt: '0.000003' }],
  ])('has the price %s', async (_, change, price) => {
    expect((await receipt(await book(change))).body.price).toMatchObject(price);
  });

  it('has the whole row of the price book, and none where there is none', async () => {
    const { body } = await receipt(await book());
    expect(body.price).toEqual({
      ...{ model: 'a/one', valid_from: '2026-11-03T12:00:00.000Z', source: 'operator' },
      ...{ prompt: '0.000003', completion: '0.000004', input_cache_read: null, input_cache_write: null },
      ...{ internal_reasoning: null, image: null, request: null, overrides: [{ min_prompt_tokens: 9 }] },
    });
    expect((await receipt(await book({ model: 'nobody/nothing' }))).body.price).toBeNull();
  });

  it('of another account is found by admins alone', async () => {
    const id = await book({ user_id: 'bob' });
    const { answer } = await receipt(id);
    expect([answer.status, errorOf(answer)]).toEqual([
      404,
      expect.objectContaining({ code: 'request_not_found', message: `No request with the id '${id}'.` }),
    ]);
    expect((await receipt(id, admin)).body).toMatchObject({ request_id: id, user_id: 'bob' });
  });

  it('of a request whose rows have left D1 says to admins alone where they may be', async () => {
    const [first, gone, last] = [uuidv7(1_000), uuidv7(2_000), uuidv7(3_000)];
    await env.DB.prepare(
      `INSERT INTO ledger_archives (object, first_request_id, last_request_id, rows, cost_nano_usd, sha256, archived_at, deleted_at)
       VALUES ('ledger/1970/01/01/x.ndjson.gz', ?1, ?2, 3, 0, 'x', 1, 1)`,
    )
      .bind(first, last)
      .run();
    const told = (await receipt(gone, admin)).answer;
    expect([told.status, errorOf(told).code]).toEqual([404, 'request_archived']);
    expect(errorOf(told).message).toContain("may be in the archive 'ledger/1970/01/01/x.ndjson.gz'");
    for (const [id, key] of [
      [gone, ada],
      [uuidv7(4_000), admin],
      ['no-id', ada],
    ] as const) {
      const { answer } = await receipt(id, key);
      expect([answer.status, errorOf(answer).code]).toEqual([404, 'request_not_found']);
    }
  });

  it.each([
    ['are still there', null, null],
    ['were brought back', 1, 2],
  ])('names no archive for a request that is not among its rows, which %s', async (_, deleted_at, restored_at) => {
    await env.DB.prepare('DELETE FROM ledger_archives').run();
    await env.DB.prepare(
      `INSERT INTO ledger_archives (object, first_request_id, last_request_id, rows, cost_nano_usd, sha256, archived_at, deleted_at, restored_at)
       VALUES ('x.ndjson.gz', ?1, ?2, 3, 0, 'x', 1, ?3, ?4)`,
    )
      .bind(uuidv7(1_000), uuidv7(3_000), deleted_at, restored_at)
      .run();
    const { answer } = await receipt(uuidv7(2_000), admin);
    expect([answer.status, errorOf(answer).code]).toEqual([404, 'request_not_found']);
  });
});
