import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { forgetDeadLetters } from '../../../consumer-worker/dead-letters/forget.ts';
import { bodyJson } from '../../../consumer-worker/dead-letters/keep.ts';
import type { Env } from '../../../consumer-worker/env.ts';
import {
  captureLog,
  consume,
  countOf,
  deliveries,
  failing,
  freshDatabase,
  NOW,
  OVERLOADED,
  requestId,
  rows,
  USAGE_QUEUE,
  usageEvent,
  usageEvents,
  withBatch,
} from './support.ts';

const QUEUE = 'openai-api-usage-dead-letters-staging';
let log: Record<string, unknown>[] = [];

beforeEach(async () => {
  log = captureLog();
  await freshDatabase();
});

describe('a dead-letter queue', () => {
  it('is drained into D1, each message with its body as received and the reason', async () => {
    const { explicitAcks } = await consume(QUEUE, deliveries([usageEvent(1), { any: ['thing', null, 1.5] }], 4));
    expect(explicitAcks).toEqual(['m0', 'm1']);
    const common = {
      queue: QUEUE,
      reason: 'given up by its queue after all retries',
      attempts: 4,
      created_at: NOW,
      stored_at: expect.any(Number),
      state: 'stuck',
      state_at: null,
    };
    const { request_id, cost_nano_usd } = usageEvent(1);
    expect(await rows('SELECT * FROM dead_letters ORDER BY id')).toEqual([
      { ...common, id: 'm0', body: JSON.stringify(usageEvent(1)), request_id, cost_nano_usd },
      { ...common, id: 'm1', body: '{"any":["thing",null,1.5]}', request_id: null, cost_nano_usd: null },
    ]);
    expect(log).toMatchObject([{ level: 'info', queue: QUEUE, messages: 2, written: 0, dead_letters: 2, retried: 0 }]);
  });

  it('enters nothing into the ledger', async () => {
    await consume(QUEUE, deliveries(usageEvents(3)));
    expect(await countOf('usage_logs')).toBe(0);
  });

  it('keeps a message once however often it is delivered', async () => {
    await consume(QUEUE, deliveries(usageEvents(3)));
    const { explicitAcks } = await consume(QUEUE, deliveries(usageEvents(3), 2));
    expect(explicitAcks).toHaveLength(3);
    expect(await countOf('dead_letters')).toBe(3);
  });

  it('waits while D1 is overloaded', async () => {
    const { db } = failing([OVERLOADED]);
    const { explicitAcks, retryMessages } = await consume(QUEUE, deliveries(usageEvents(3)), db);
    expect(explicitAcks).toEqual([]);
    expect(retryMessages).toHaveLength(3);
    expect(log).toMatchObject([{ level: 'error', dead_letters: 0, retried: 3, error: OVERLOADED }]);
  });

  it('waits for D1 as long as a queue keeps messages, and is stored when D1 is back', async () => {
    const outage = 3.9 * 86_400;
    let waited = 0;
    let attempts = 1;
    for (; waited < outage; attempts += 1) {
      const { db } = failing([OVERLOADED]);
      const { explicitAcks, delays } = await consume(QUEUE, deliveries([usageEvent(1)], attempts), db);
      expect(explicitAcks).toEqual([]);
      waited += delays[0] ?? 0;
    }
    expect(attempts).toBeLessThanOrEqual(101);
    expect(await countOf('dead_letters')).toBe(0);
    const { explicitAcks } = await consume(QUEUE, deliveries([usageEvent(1)], attempts));
    expect(explicitAcks).toEqual(['m0']);
    expect(await rows('SELECT id, body FROM dead_letters')).toEqual([
      { id: 'm0', body: JSON.stringify(usageEvent(1)) },
    ]);
  });

  it('keeps a batch of the largest messages, in more statements than one', async () => {
    const statements: number[] = [];
    const db = withBatch((list, real) => {
      statements.push(list.length);
      return real(list);
    });
    const body = { text: '"\\é'.repeat(20_000) };
    const { explicitAcks } = await consume(QUEUE, deliveries(Array(30).fill(body)), db);
    expect(explicitAcks).toHaveLength(30);
    expect(await rows('SELECT count(*) AS n, min(body) AS low, max(body) AS high FROM dead_letters')).toEqual([
      { n: 30, low: JSON.stringify(body), high: JSON.stringify(body) },
    ]);
    expect(statements).toHaveLength(1);
    expect(statements[0]).toBeGreaterThan(1);
  });

  it('keeps what JSON cannot express, or D1 not hold, beside the rest', async () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    const clone = 'x'.repeat(100_000);
    const bodies = [undefined, 10n, cycle, Array(100).fill(clone), '\ud800\u0000', '"'.repeat(500_000), 'fine'];
    const { explicitAcks } = await consume(QUEUE, deliveries(bodies));
    expect(explicitAcks).toHaveLength(bodies.length);
    const kept = await rows<{ body: string }>('SELECT body FROM dead_letters ORDER BY id');
    expect(kept).toHaveLength(bodies.length);
    for (const { body } of kept) expect(() => JSON.parse(body)).not.toThrow();
    expect(kept[6]).toEqual({ body: '"fine"' });
  });
});

describe('a dead letter of analytics', () => {
  const content = { input: 'SW4=', output: 'T3V0', input_length: 7, output_length: 9 };

  it.each(['openai-api-analytics-dead-letters-staging', 'openai-api-analytics'])(
    'is kept without what was asked and answered, and says so: %s',
    async (queue) => {
      await consume(
        queue,
        deliveries([
          { ...usageEvent(1), ...content },
          { input: 'SW4=', output: null },
        ]),
      );
      const kept = await rows<{ body: string }>('SELECT body FROM dead_letters ORDER BY id');
      expect(kept.map(({ body }) => JSON.parse(body))).toEqual([
        {
          ...{ ...usageEvent(1), ...content, input: null, output: null },
          ...{ input_omitted: 'dead_letter', output_omitted: 'dead_letter' },
        },
        { input: null, input_omitted: 'dead_letter', output: null },
      ]);
    },
  );
});

describe('dead letters that were dealt with', () => {
  const DAY = 86_400_000;

  /** Letters of any age that were dealt with so many days ago. */
  async function dealtWith(letters: readonly { id: string; state: string; days: number | null }[]): Promise<void> {
    await env.DB.prepare(
      `INSERT INTO dead_letters (id, queue, body, reason, attempts, created_at, stored_at, state, state_at)
       SELECT value->>'id', 'q', '{}', 'r', 1, 1, 1, value->>'state', ?2 - ${DAY} * (value->>'days') FROM json_each(?1)`,
    )
      .bind(JSON.stringify(letters), NOW)
      .run();
  }
  const forget = () => forgetDeadLetters(env as unknown as Env, NOW);

  it('are forgotten after thirty days; what is stuck never is', async () => {
    await dealtWith([
      { id: 'a', state: 'replayed', days: 31 },
      { id: 'b', state: 'discarded', days: 31 },
      { id: 'c', state: 'replayed', days: 30 },
      { id: 'd', state: 'discarded', days: 1 },
      { id: 'e', state: 'stuck', days: null },
    ]);
    expect(await forget()).toEqual({ forgotten: 2 });
    expect(await forget()).toEqual({ forgotten: 0 });
    expect(await rows('SELECT id FROM dead_letters ORDER BY id')).toEqual([{ id: 'c' }, { id: 'd' }, { id: 'e' }]);
  });

  it('are forgotten by bounded numbers, until a later run ends it', async () => {
    await dealtWith(Array.from({ length: 10_001 }, (_, n) => ({ id: `l${n}`, state: 'replayed', days: 40 })));
    expect(await forget()).toEqual({ forgotten: 10_000 });
    expect(await forget()).toEqual({ forgotten: 1 });
  });
});

describe('a message that the database refuses', () => {
  beforeEach(() =>
    env.DB.exec(
      `CREATE TRIGGER poison BEFORE INSERT ON usage_logs WHEN NEW.request_id = '${requestId(1)}' BEGIN SELECT RAISE(ABORT, 'poisoned'); END`,
    ),
  );
  afterEach(() => env.DB.exec('DROP TRIGGER IF EXISTS poison'));

  it.each([1, 3])('becomes a dead letter at its last delivery, among %i, with why and how often', async (count) => {
    const events = usageEvents(count + 1).slice(1);
    const before = await consume(USAGE_QUEUE, deliveries(events, 50));
    expect(before.retryMessages).toEqual([{ msgId: 'm0' }]);
    expect(await countOf('dead_letters')).toBe(0);

    const last = await consume(USAGE_QUEUE, deliveries(events, 51));
    expect(last.retryMessages).toEqual([]);
    expect(last.explicitAcks).toHaveLength(count);
    const [letter] = await rows('SELECT queue, reason, attempts, request_id, cost_nano_usd FROM dead_letters');
    expect(letter).toEqual({
      queue: USAGE_QUEUE,
      reason: expect.stringMatching(/^failed at its last delivery: .*poisoned/),
      attempts: 51,
      request_id: requestId(1),
      cost_nano_usd: usageEvent(1).cost_nano_usd,
    });
    expect(await countOf('usage_logs')).toBe(count - 1);
    expect(log.at(-1)).toMatchObject({ messages: count, written: count - 1, dead_letters: 1, retried: 0 });
  });

  it('is left to its dead-letter queue where it cannot be kept either', async () => {
    await env.DB.exec('ALTER TABLE dead_letters RENAME TO dead_letters_away');
    const { explicitAcks, retryMessages } = await consume(USAGE_QUEUE, deliveries([usageEvent(1)], 51));
    await env.DB.exec('ALTER TABLE dead_letters_away RENAME TO dead_letters');
    expect(explicitAcks).toEqual([]);
    expect(retryMessages).toEqual([{ msgId: 'm0' }]);
  });
});

describe('a queue that the worker does not know', () => {
  it('loses nothing: its messages become dead letters', async () => {
    const { explicitAcks } = await consume('openai-api-something-else', deliveries(usageEvents(2)));
    expect(explicitAcks).toHaveLength(2);
    expect(await rows('SELECT DISTINCT queue, reason FROM dead_letters')).toEqual([
      { queue: 'openai-api-something-else', reason: 'no handler for this queue' },
    ]);
  });
});

describe('the JSON of a body', () => {
  it('is the beginning of one that is too long', () => {
    const json = bodyJson(['a'.repeat(1_000_000)]);
    expect(json.length).toBeLessThan(210_000);
    expect(JSON.parse(json)).toMatch(/^\["aaaa/);
  });
});
