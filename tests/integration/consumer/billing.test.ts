import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import { ledgerStatements } from '../../../shared/ledger.ts';
import { billedBy } from '../../../shared/pricing.ts';
import { UsageEvent } from '../../../shared/usage-event.ts';
import { booksOf, booksOfLedger, readBooks } from './histories.ts';
import {
  captureLog,
  consume,
  countOf,
  deliveries,
  freshDatabase,
  NOW,
  rows,
  USAGE_QUEUE,
  usageEvent,
  usageEvents,
  withBatch,
} from './support.ts';

let log: Record<string, unknown>[] = [];

beforeEach(async () => {
  log = captureLog();
  await freshDatabase();
});

/** Of just now: those of some minutes ago may have been taken for dead, which takes more statements. */
const fresh = (count: number) => usageEvents(count).map((event) => ({ ...event, created_at: Date.now() }));
const billed = (count: number) => fresh(count).map((event) => billedBy(event));

describe('a batch of usage events', () => {
  it('takes one transaction of as many statements for 100 events as for one', async () => {
    const transactions: number[] = [];
    const db = withBatch((statements, real) => {
      transactions.push(statements.length);
      return real(statements);
    });
    await consume(USAGE_QUEUE, deliveries(fresh(1)), db);
    await consume(USAGE_QUEUE, deliveries(fresh(100)), db);
    expect(transactions).toEqual([5, 5]);
    await consume(USAGE_QUEUE, deliveries([...fresh(50), ...Array(50).fill('no event')]), db);
    expect(transactions).toEqual([5, 5, 6]);
    expect(await countOf('usage_logs')).toBe(100);
  });

  it('writes one row an event, and one more for each rollup, bucket and key they touch', async () => {
    const list = billed(100);
    const results = await env.DB.batch(ledgerStatements(env.DB, list));
    expect(results.map(({ meta }) => meta.rows_written)).toEqual([1, 1, 2, 100, 1]);
    const again = await env.DB.batch(ledgerStatements(env.DB, list));
    expect(again.map(({ meta }) => meta.rows_written)).toEqual([0, 0, 0, 0, 0]);
  });

  it('finds every row that it meets by its primary key', async () => {
    const plans: string[] = [];
    const explaining = new Proxy(env.DB, {
      get: (target, name) => (name === 'prepare' ? (sql: string) => target.prepare(`EXPLAIN QUERY PLAN ${sql}`) : name),
    });
    for (const statement of ledgerStatements(explaining, billed(2))) {
      const { results } = await statement.all<{ detail: string }>();
      plans.push(...results.map(({ detail }) => detail));
    }
    const tables = plans.filter((detail) => /usage_logs|api_keys/.test(detail));
    expect(tables).toHaveLength(4);
    for (const detail of tables) expect(detail).toContain('USING PRIMARY KEY');
  });

  it('acknowledges each message and leaves one log line, which tells no body', async () => {
    const result = await consume(USAGE_QUEUE, deliveries(usageEvents(3)));
    expect(result).toMatchObject({ outcome: 'ok', explicitAcks: ['m0', 'm1', 'm2'], retryMessages: [] });
    expect(log).toEqual([
      {
        ...{ level: 'info', event: 'batch', queue: USAGE_QUEUE, duration_ms: expect.any(Number) },
        ...{ messages: 3, written: 3, dead_letters: 0, retried: 0 },
      },
    ]);
  });

  it('keeps the numbers nobody knows as NULL, and counts an unpriced attempt', async () => {
    const nothing = { input_tokens: null, output_tokens: null, cost_nano_usd: null, model: null, status: 502 };
    await consume(USAGE_QUEUE, deliveries([usageEvent(1, { ...nothing, usage_source: 'unknown' }), usageEvent(2)]));
    expect(await rows(`SELECT input_tokens, cost_nano_usd, cost FROM usage_logs ORDER BY request_id`)).toEqual([
      { input_tokens: null, cost_nano_usd: null, cost: null },
      { input_tokens: 100, cost_nano_usd: 18_750, cost: 0.00001875 },
    ]);
    expect(
      await rows('SELECT model, requests, errors, unpriced_attempts, cost_nano_usd FROM usage_rollups_daily'),
    ).toEqual([
      { model: 'openai/gpt-5-mini', requests: 1, errors: 1, unpriced_attempts: 1, cost_nano_usd: 0 },
      { model: 'openai/gpt-5-mini-2025-08-07', requests: 1, errors: 0, unpriced_attempts: 0, cost_nano_usd: 18_750 },
    ]);
  });

  it('takes any text that the schema takes', async () => {
    const texts = ["');--", '"', '\\', '\n', '\u2028', '\ud83d\ude00', '{"a":1}', '123', 'null', ''];
    await consume(
      USAGE_QUEUE,
      deliveries(texts.map((text, n) => usageEvent(n, { requested_model: text, model: null }))),
    );
    const kept = await rows<{ requested_model: string }>('SELECT requested_model FROM usage_logs ORDER BY request_id');
    expect(kept.map(({ requested_model }) => requested_model)).toEqual(texts);
    const summed = await rows<{ model: string }>('SELECT model FROM usage_rollups_hourly');
    expect(summed.map(({ model }) => model).toSorted()).toEqual(texts.toSorted());
  });

  it('bills what was requested by text that a database cannot hold', async () => {
    const texts = ['nul\u0000', '\ud800', '\ud800\u0000x'];
    const { explicitAcks } = await consume(
      USAGE_QUEUE,
      deliveries(texts.map((text, n) => usageEvent(n, { requested_model: text, model: null }))),
    );
    expect(explicitAcks).toHaveLength(3);
    expect(await countOf('usage_logs')).toBe(3);
    expect(await readBooks()).toEqual(await booksOfLedger());
  });

  it('may be of the largest numbers that are exact', async () => {
    const list = [usageEvent(1, { cost_nano_usd: Number.MAX_SAFE_INTEGER, input_tokens: Number.MAX_SAFE_INTEGER })];
    await consume(USAGE_QUEUE, deliveries(list));
    expect(await readBooks()).toEqual(booksOf(list));
  });
});

describe('a request that was taken for dead and told after all', () => {
  const unknown = { cost_nano_usd: null, input_tokens: null, output_tokens: null, usage_source: 'unknown' } as const;
  const dead = usageEvent(1, { ...unknown, status: 500, model: null, attempts: 0, unpriced_attempts: 1 });
  const attempt = {
    ...{ model: 'a/one', generation_id: 'gen-1', usage_source: 'estimated' as const, images: 0, relayed: true },
    ...{ input_tokens: 4, output_tokens: 2, cached_tokens: null, cache_write_tokens: null, reasoning_tokens: null },
  };
  const told = usageEvent(1, { cost_nano_usd: 700, unpriced: [attempt], unpriced_attempts: 1 });
  const sums = 'sum(cost_nano_usd) AS cost, sum(input_tokens) AS input, sum(unpriced_attempts) AS unpriced';
  const truth = { cost: 700, input: 100, unpriced: 1 };

  it.each([
    ['after', [[dead], [told], [told, dead]]],
    ['before', [[told], [dead], [told]]],
    ['together', [[told, dead], [dead]]],
  ])('is billed as it was told, once: %s', async (_, batches) => {
    for (const batch of batches) await consume(USAGE_QUEUE, deliveries(batch));
    expect(await rows(`SELECT ${sums} FROM usage_logs`)).toEqual([truth]);
    expect(await rows(`SELECT sum(requests) AS requests, ${sums} FROM usage_rollups_daily`)).toEqual([
      { requests: 1, ...truth },
    ]);
    expect(await readBooks()).toEqual(await booksOfLedger());
    expect(await rows('SELECT attempt, input_tokens FROM unpriced_attempts')).toEqual([
      { attempt: 0, input_tokens: 4 },
    ]);
  });

  it('is told once by consumers that run at the same time', async () => {
    await consume(USAGE_QUEUE, deliveries([dead]));
    await Promise.all([1, 2, 3].map(() => consume(USAGE_QUEUE, deliveries([told]))));
    expect(await rows(`SELECT ${sums} FROM usage_logs`)).toEqual([truth]);
    expect(await readBooks()).toEqual(await booksOfLedger());
  });
});

describe('a message that fails its schema', () => {
  const { cost_nano_usd: _cost, ...incomplete } = usageEvent(1);
  const wrong: [unknown, RegExp][] = [
    ['no event', /expected object/],
    [null, /expected object/],
    [incomplete, /cost_nano_usd/],
    [{ ...usageEvent(1), messages: [] }, /Unrecognized key: "messages"/],
    [usageEvent(1, { cost_nano_usd: 0.5 }), /cost_nano_usd/],
    [usageEvent(1, { cost_nano_usd: -1 }), /cost_nano_usd/],
    [usageEvent(1, { request_id: 'gen-123' }), /request_id/],
    // A version 4: rows are kept, and read, in the order of their ids' time.
    [usageEvent(1, { request_id: '01900000-0000-4000-8000-000000000001' }), /request_id/],
  ];

  it.each(wrong)('becomes a dead letter with the reason, beside written events: case %$', async (body, reason) => {
    const messages = deliveries([usageEvent(10), body, usageEvent(11)]);
    const { explicitAcks, retryMessages } = await consume(USAGE_QUEUE, messages);
    expect(explicitAcks).toEqual(['m0', 'm1', 'm2']);
    expect(retryMessages).toEqual([]);
    expect(await countOf('usage_logs')).toBe(2);
    expect(await rows('SELECT id, queue, body, attempts, created_at, reason, stored_at FROM dead_letters')).toEqual([
      {
        ...{ id: 'm1', queue: USAGE_QUEUE, body: JSON.stringify(body), attempts: 1, created_at: NOW },
        ...{ reason: expect.stringMatching(reason), stored_at: expect.any(Number) },
      },
    ]);
    expect(log).toMatchObject([{ messages: 3, written: 2, dead_letters: 1, retried: 0 }]);
  });

  it('is one dead letter however often it is delivered', async () => {
    await consume(USAGE_QUEUE, deliveries(['no event']));
    await consume(USAGE_QUEUE, deliveries(['no event', 'no event'], 2));
    expect(await rows('SELECT id, attempts FROM dead_letters ORDER BY id')).toEqual([
      { id: 'm0', attempts: 1 },
      { id: 'm1', attempts: 2 },
    ]);
  });
});

it('has fixtures that its schema takes', () => {
  expect(UsageEvent.parse(usageEvent())).toEqual(usageEvent());
});
