import { env as bindings } from 'cloudflare:workers';
import fc from 'fast-check';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { sweepPending } from '../../../consumer-worker/billing/sweep.ts';
import type { Env } from '../../../consumer-worker/env.ts';
import { type AttemptRow, adjustmentStatements } from '../../../shared/adjustments.ts';
import type { UnpricedAttempt } from '../../../shared/usage-event.ts';
import { booksOfLedger, readBooks } from './histories.ts';
import {
  captureLog,
  consume,
  deliveries,
  failing,
  freshDatabase,
  OVERLOADED,
  requestId,
  rows,
  USAGE_QUEUE,
  usageEvent,
  withBatch,
} from './support.ts';

const QUEUE = 'openai-api-reconcile';
const UPSTREAM = inject('upstreamUrl');
const HOUR_S = 3_600;

/** What the worker has put into the reconcile queue. */
let sent: { requests: string[]; delaySeconds: number | undefined }[] = [];
const changed: Partial<Env> = {
  UPSTREAM_BASE_URL: UPSTREAM,
  OPENROUTER_API_KEY: 'sk-or-v1-of-the-tests',
  RECONCILE_AFTER_SECONDS: '60',
  RECONCILE_WITHIN_SECONDS: '86400',
  RECONCILE_QUEUE: {
    sendBatch: async (messages: Iterable<{ body: { request_id: string } }>, options?: { delaySeconds?: number }) => {
      const requests = [...messages].map(({ body }) => body.request_id);
      sent.push({ requests, delaySeconds: options?.delaySeconds });
    },
  } as unknown as Queue,
};
const env = { ...(bindings as unknown as Env), ...changed };

beforeEach(async () => {
  captureLog();
  sent = [];
  await freshDatabase();
});

const bill = (...events: unknown[]) => consume(USAGE_QUEUE, deliveries(events), bindings.DB, changed);
const reconcile = (ids: readonly string[], db: D1Database = bindings.DB, more: Partial<Env> = {}, delivery = 1) => {
  const messages = deliveries(
    ids.map((request_id) => ({ request_id })),
    delivery,
  );
  return consume(QUEUE, messages, db, { ...changed, ...more });
};

/** Has the upstream generate something: its id, tokens and cost. */
async function generate(n: number) {
  const response = await fetch(`${UPSTREAM}/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-or-v1-of-the-tests' },
    body: JSON.stringify({ model: 'sim/any', messages: [{ role: 'user', content: `Hello ${n}` }], sim: { chunks: n } }),
  });
  const { id, usage } = (await response.json()) as {
    id: string;
    usage: { prompt_tokens: number; completion_tokens: number; cost: number };
  };
  return {
    id,
    input: usage.prompt_tokens,
    output: usage.completion_tokens,
    cost: Math.round(usage.cost * 1e9),
  };
}

const estimated = (generation_id: string | null, change: Partial<UnpricedAttempt> = {}): UnpricedAttempt => ({
  model: 'a/priced',
  generation_id,
  usage_source: 'estimated',
  input_tokens: 100,
  output_tokens: 10,
  cached_tokens: null,
  cache_write_tokens: null,
  reasoning_tokens: null,
  images: 0,
  relayed: true,
  ...change,
});

/** The event of a request of which these attempts did not tell their cost, and others, if any, did. */
function event(n: number, attempts: readonly UnpricedAttempt[], told: number | null = null) {
  return usageEvent(n, {
    cost_nano_usd: told,
    unpriced: [...attempts],
    unpriced_attempts: attempts.length,
    usage_source: 'estimated',
    created_at: Date.now(),
  });
}

const price = () =>
  bindings.DB.prepare(
    "INSERT INTO model_prices (model, valid_from, prompt, completion, source, created_at) VALUES ('a/priced', 0, '0.000001', '0.00001', 'upstream', 0)",
  ).run();
const attempts = () =>
  rows<AttemptRow>('SELECT * FROM unpriced_attempts ORDER BY request_id, attempt').then((list) =>
    list.map(({ state, cost_nano_usd, asked, revision }) => ({ state, cost_nano_usd, asked, revision })),
  );
const costs = () =>
  rows('SELECT adjustment, cost_nano_usd, unpriced_attempts FROM usage_logs ORDER BY request_id, adjustment');
const total = async () =>
  (await rows('SELECT sum(cost_nano_usd) AS cost, sum(unpriced_attempts) AS unpriced FROM usage_logs'))[0];

describe('an attempt that did not tell its cost', () => {
  it('is billed by an estimate at once, and is to be asked for a minute later', async () => {
    await price();
    await bill(event(1, [estimated('gen-1')]), usageEvent(2));
    expect(await costs()).toEqual([
      { adjustment: '', cost_nano_usd: 200_000, unpriced_attempts: 1 },
      { adjustment: '', cost_nano_usd: 18_750, unpriced_attempts: 0 },
    ]);
    expect(await attempts()).toEqual([{ state: 'pending', cost_nano_usd: 200_000, asked: 0, revision: 0 }]);
    expect(sent).toEqual([{ requests: [requestId(1)], delaySeconds: 60 }]);
  });

  it('leaves the cost unknown where its model has no price', async () => {
    await bill(event(1, [estimated('gen-1', { model: 'no/price' })]));
    expect(await costs()).toEqual([{ adjustment: '', cost_nano_usd: null, unpriced_attempts: 1 }]);
  });

  it('is given up at once where there is nothing to ask by', async () => {
    await price();
    await bill(event(1, [estimated(null)], 500));
    expect(await costs()).toEqual([{ adjustment: '', cost_nano_usd: 200_500, unpriced_attempts: 1 }]);
    expect(await attempts()).toMatchObject([{ state: 'given_up' }]);
    expect(sent).toEqual([]);
  });

  it('is priced for certain where the provider told its tokens', async () => {
    await price();
    await bill(event(1, [estimated(null, { usage_source: 'provider' })]));
    expect(await costs()).toEqual([{ adjustment: '', cost_nano_usd: 200_000, unpriced_attempts: 0 }]);
    expect(await attempts()).toMatchObject([{ state: 'priced' }]);
  });

  it('is extra cost if the client got nothing of it', async () => {
    await price();
    const { id, cost } = await generate(4);
    await bill(event(1, [estimated(id, { relayed: false })], 500));
    await reconcile([requestId(1)]);
    expect(await rows('SELECT sum(extra_cost_nano_usd) AS extra FROM usage_logs')).toEqual([{ extra: cost }]);
    expect(await rows('SELECT extra_cost_nano_usd AS extra FROM usage_rollups_daily')).toEqual([{ extra: cost }]);
  });
});

describe('reconciliation', () => {
  it('puts what the upstream says in the place of the estimate, by a row of differences', async () => {
    await price();
    const { id, input, output, cost } = await generate(7);
    await bill(event(1, [estimated(id)], 500));
    const { explicitAcks } = await reconcile([requestId(1)]);
    expect(explicitAcks).toEqual(['m0']);
    expect(
      await rows("SELECT * FROM usage_logs WHERE adjustment <> ''").then(([row]) => ({ ...row, recorded_at: 0 })),
    ).toMatchObject({
      adjustment: 'reconciled 0.1',
      user_id: 'account-1',
      generation_id: id,
      usage_source: 'reconciled',
      input_tokens: input - 100,
      output_tokens: output - 10,
      cost_nano_usd: cost - 200_000,
      unpriced_attempts: -1,
      attempts: 0,
    });
    expect(await total()).toEqual({ cost: cost + 500, unpriced: 0 });
    expect(await attempts()).toEqual([{ state: 'reconciled', cost_nano_usd: cost, asked: 0, revision: 1 }]);
    expect(await readBooks()).toEqual(await booksOfLedger());
  });

  it('happens once, however often and at the same time it is asked for', async () => {
    const generations = [await generate(3), await generate(5)];
    await bill(
      event(
        1,
        generations.map(({ id }) => estimated(id)),
      ),
    );
    await Promise.all([1, 2, 3].map(() => reconcile([requestId(1), requestId(1)])));
    await reconcile([requestId(1)]);
    expect(await total()).toEqual({ cost: generations.reduce((sum, { cost }) => sum + cost, 0), unpriced: 0 });
    expect(await rows('SELECT adjustment FROM usage_logs')).toHaveLength(3);
    expect(await readBooks()).toEqual(await booksOfLedger());
  });

  it('survives a database that fails before and after its writes', async () => {
    const { id, cost } = await generate(6);
    await bill(event(1, [estimated(id)]));
    const before = await reconcile([requestId(1)], failing([OVERLOADED]).db);
    expect(before.explicitAcks).toEqual([]);
    const after = withBatch(async (statements, real) => {
      await real(statements);
      throw new Error(OVERLOADED);
    });
    expect((await reconcile([requestId(1)], after)).explicitAcks).toEqual([]);
    expect((await reconcile([requestId(1)])).explicitAcks).toEqual(['m0']);
    expect(await total()).toEqual({ cost, unpriced: 0 });
  });

  it('asks again for what the upstream does not know yet, twice as long after each time, up to an hour', async () => {
    await bill(event(1, [estimated('gen-unheard-of')]));
    const rests: number[] = [];
    for (let times = 0; times < 8; times += 1) {
      const { explicitAcks, delays } = await reconcile([requestId(1)], bindings.DB, {}, times + 1);
      expect(explicitAcks).toEqual([]);
      rests.push(...delays);
    }
    expect(rests).toEqual([120, 240, 480, 960, 1_920, HOUR_S, HOUR_S, HOUR_S]);
    expect(await attempts()).toMatchObject([{ state: 'pending', asked: 8 }]);
  });

  it('waits for an upstream that cannot be asked', async () => {
    const { id } = await generate(2);
    await bill(event(1, [estimated(id)]));
    const { explicitAcks, delays } = await reconcile([requestId(1)], bindings.DB, {
      UPSTREAM_BASE_URL: 'http://127.0.0.1:9',
    });
    expect(explicitAcks).toEqual([]);
    expect(delays).toEqual([120]);
  });

  const OVERDUE = { RECONCILE_WITHIN_SECONDS: '-1' };
  const WELL_ASKED = 'UPDATE unpriced_attempts SET asked = 7';

  it('gives up after its bound, visibly: the estimate stands, and stays counted as unpriced', async () => {
    await price();
    await bill(event(1, [estimated('gen-unheard-of')]));
    expect((await reconcile([requestId(1)], bindings.DB, OVERDUE)).explicitAcks, 'asked too rarely').toEqual([]);
    await bindings.DB.prepare(WELL_ASKED).run();
    expect((await reconcile([requestId(1)], bindings.DB, OVERDUE)).explicitAcks).toEqual(['m0']);
    expect(await attempts()).toEqual([{ state: 'given_up', cost_nano_usd: 200_000, asked: 8, revision: 0 }]);
    expect(await total()).toEqual({ cost: 200_000, unpriced: 1 });
  });

  it('never gives up for an upstream that cannot be asked', async () => {
    await bill(event(1, [estimated('gen-1')]));
    await bindings.DB.prepare(WELL_ASKED).run();
    const down = { ...OVERDUE, UPSTREAM_BASE_URL: 'http://127.0.0.1:9' };
    expect((await reconcile([requestId(1)], bindings.DB, down)).explicitAcks).toEqual([]);
    expect(await attempts()).toMatchObject([{ state: 'pending', asked: 7 }]);
  });

  it('is content with its own price of tokens that the provider told, where the upstream never says more', async () => {
    await price();
    await bill(event(1, [estimated('gen-unheard-of', { usage_source: 'provider' })]));
    await bindings.DB.prepare(WELL_ASKED).run();
    await reconcile([requestId(1)], bindings.DB, OVERDUE);
    expect(await attempts()).toMatchObject([{ state: 'priced', cost_nano_usd: 200_000 }]);
    expect(await total()).toEqual({ cost: 200_000, unpriced: 0 });
    expect(await readBooks()).toEqual(await booksOfLedger());
  });

  it('makes a dead letter of what asks for no request', async () => {
    const { explicitAcks } = await consume(QUEUE, deliveries([{ request_id: 'gen-1' }, {}]), bindings.DB, changed);
    expect(explicitAcks).toHaveLength(2);
    expect(await rows('SELECT queue FROM dead_letters')).toEqual([{ queue: QUEUE }, { queue: QUEUE }]);
  });
});

describe('the sweep', () => {
  const MINUTE = 60_000;

  it('wakes attempts whose message must have been lost, and leaves them time before the next', async () => {
    await bill(event(1, [estimated('gen-1'), estimated('gen-2')]), event(2, [estimated(null)]));
    sent = [];
    const now = Date.now();
    expect(await sweepPending(env, now + 2 * MINUTE)).toEqual({ woken: 0 });
    expect(await sweepPending(env, now + 4 * MINUTE)).toEqual({ woken: 1 });
    expect(sent).toEqual([{ requests: [requestId(1)], delaySeconds: 0 }]);
    expect(await sweepPending(env, now + 5 * MINUTE)).toEqual({ woken: 0 });
  });
});

describe('corrections', () => {
  const step = fc.record({
    attempt: fc.nat({ max: 5 }),
    by: fc.constantFrom('reconciled' as const, 'rerated' as const),
    cost: fc.option(fc.nat({ max: 1_000_000 })),
    tokens: fc.nat({ max: 1_000 }),
    state: fc.constantFrom('pending', 'reconciled', 'given_up', 'priced', 'no_price'),
    /** Made out from what the attempt was some time ago. */
    stale: fc.boolean(),
  });

  it('leave each rollup the sum of its rows and the ledger the sum of its attempts, in any order, doubled and stale', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        await freshDatabase();
        await bill(...[0, 1, 2].map((n) => event(n, [estimated('gen-1'), estimated(null, { relayed: false })], 7)));
        const first = await rows<AttemptRow>('SELECT * FROM unpriced_attempts ORDER BY request_id, attempt');
        for (const { attempt, by, cost, tokens, state, stale } of steps) {
          const current = await rows<AttemptRow>('SELECT * FROM unpriced_attempts ORDER BY request_id, attempt');
          const from = (stale ? first : current)[attempt] as AttemptRow;
          const to = {
            ...{ input_tokens: tokens, output_tokens: tokens, cached_tokens: null, cache_write_tokens: null },
            ...{ reasoning_tokens: null, cost_nano_usd: cost, state, usage_source: 'reconciled' as const },
          };
          for (const _ of [1, 2]) await bindings.DB.batch(adjustmentStatements(bindings.DB, [{ from, by, to }]));
        }
        expect(await readBooks()).toEqual(await booksOfLedger());
        const [{ uncertain, cost }] = (await rows(
          "SELECT sum(state NOT IN ('reconciled', 'priced')) AS uncertain, sum(cost_nano_usd) AS cost FROM unpriced_attempts",
        )) as [{ uncertain: number; cost: number | null }];
        expect(await total()).toEqual({ cost: 3 * 7 + (cost ?? 0), unpriced: uncertain });
      }),
      { seed: 20261128, numRuns: 25 },
    );
  });
});
