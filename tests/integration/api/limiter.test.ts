import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AccountLimiter } from '../../../api-worker/limits/account-limiter.ts';
import { type Ask, LEASE_MS } from '../../../api-worker/limits/books.ts';
import { DAY_MS, dayOf } from '../../../api-worker/limits/periods.ts';
import { type AttemptRow, adjustmentStatements } from '../../../shared/adjustments.ts';
import { uuidv7 } from '../../../shared/ids.ts';
import { ledgerStatements } from '../../../shared/ledger.ts';
import { billedBy } from '../../../shared/pricing.ts';
import { UsageEvent } from '../../../shared/usage-event.ts';
import { UNLIMITED } from '../../support/limits.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { applySchema, env } from './support.ts';

/* Faked times lie in the future, or the runtime, whose clock is not faked, would run alarms of its own. */
type Limiter = DurableObjectStub<AccountLimiter>;

function ask(change: Partial<Ask> = {}): Ask {
  return {
    requestId: uuidv7(),
    userId: 'alice',
    keyId: 'k1',
    endpoint: '/v1/chat/completions',
    requestedModel: 'a/model',
    arrivedAt: Date.now(),
    tokens: 10,
    costNanoUsd: 1_000,
    limits: UNLIMITED,
    keyRateLimit: null,
    ...change,
  };
}

const standing = (limiter: Limiter, limits = UNLIMITED) =>
  limiter.standing({ keyId: 'k1', keyRateLimit: null, limits });

/** What the object hands to the usage queue from now on. `refuse` makes the queue fail. */
async function listen(limiter: Limiter): Promise<{ events: unknown[]; queue: { refuse: boolean } }> {
  const events: unknown[] = [];
  const queue = { refuse: false };
  await runInDurableObject(limiter, (instance: AccountLimiter) => {
    const bindings = (instance as unknown as { env: { USAGE_QUEUE: Queue } }).env;
    vi.spyOn(bindings.USAGE_QUEUE, 'send').mockImplementation(async (event) => {
      if (queue.refuse) throw new Error('queue is down');
      events.push(event);
      return {} as QueueSendResponse;
    });
  });
  return { events, queue };
}

beforeAll(applySchema);
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('the account limiter', () => {
  it('admits exactly the limit of 500 concurrent requests', { timeout: 30_000 }, async () => {
    const limiter = env.ACCOUNT_LIMITER.getByName('five-hundred');
    const limits = { ...UNLIMITED, requests_per_minute: 60 };
    const verdicts = await Promise.all(Array.from({ length: 500 }, () => limiter.admit(ask({ limits }))));
    expect(verdicts.filter(({ refusal }) => refusal === null)).toHaveLength(60);
  });

  it('admits what a budget holds of 500 concurrent requests, and no more when they are settled', async () => {
    const limiter = env.ACCOUNT_LIMITER.getByName('budget');
    const limits = { ...UNLIMITED, budget_month_nano_usd: 100_500 };
    const burst = async () => {
      const asks = Array.from({ length: 500 }, () => ask({ limits }));
      const verdicts = await Promise.all(asks.map((one) => limiter.admit(one)));
      const admitted = asks.filter((_, n) => verdicts[n]?.refusal === null);
      await Promise.all(admitted.map((one) => limiter.settle(one.requestId, { tokens: 5, costNanoUsd: 900 })));
      return admitted.length;
    };
    expect(await burst()).toBe(100);
    // 90,000 are spent: ten times 1,000 fit into what is left, and then once more into 1,500.
    expect(await burst()).toBe(10);
    expect(await burst()).toBe(1);
    expect(await burst()).toBe(0);
    expect((await standing(limiter)).month.used).toEqual({ requests: 111, tokens: 555, cost_nano_usd: 99_900 });
  });

  it('knows after an eviction what it knew before, whichever call was the last', async () => {
    vi.useFakeTimers({ now: Date.UTC(2030, 10, 20, 6), toFake: ['Date'] });
    const limiter = env.ACCOUNT_LIMITER.getByName('evicted');
    const limits = { ...UNLIMITED, tokens_per_minute: 1_000 };
    const [open, done, held] = [ask({ limits }), ask({ limits }), ask({ limits, keyId: 'k2', keyRateLimit: 3 })];
    const calls = [
      () => limiter.admit(open),
      () => limiter.admit(done),
      () => limiter.admit(held),
      () => limiter.settle(done.requestId, { tokens: 3, costNanoUsd: 77 }),
      () => limiter.settle(held.requestId, { tokens: null, costNanoUsd: null }),
      () => limiter.charge('local', Date.now(), { tokens: 1, costNanoUsd: 2 }),
      () => limiter.charge('local', Date.now(), { tokens: 1, costNanoUsd: 2 }),
    ];
    const known = async () => [
      await standing(limiter, limits),
      await limiter.standing({ keyId: 'k2', keyRateLimit: 3, limits }),
    ];
    for (const call of calls) {
      await call();
      const before = await known();
      await evictDurableObject(limiter);
      expect(await known()).toEqual(before);
    }
    expect(await known()).toMatchObject([
      {
        month: { used: { requests: 3, cost_nano_usd: 79 }, held_nano_usd: 1_000, reserved: { requests: 1 } },
        concurrent_requests: 1,
      },
      { requests: { limit: 3, remaining: 2 } },
    ]);

    vi.setSystemTime(Date.now() + LEASE_MS - 1);
    await limiter.renew(open.requestId);
    await evictDurableObject(limiter);
    vi.setSystemTime(Date.now() + 1);
    await runDurableObjectAlarm(limiter);
    expect((await standing(limiter)).concurrent_requests, 'the renewed lease').toBe(1);
  });

  it('reports a request that is never heard of again, once, as a usage event of unknown cost', async () => {
    const limiter = env.ACCOUNT_LIMITER.getByName('silent');
    const { events, queue } = await listen(limiter);
    const [dead, alive] = [ask(), ask()];
    await limiter.admit(dead);
    await limiter.admit(alive);
    vi.useFakeTimers({ now: Date.now() + LEASE_MS - 1_000, toFake: ['Date'] });
    expect(await limiter.renew(alive.requestId)).toBe(true);
    vi.setSystemTime(Date.now() + 1_001);
    queue.refuse = true;
    await runDurableObjectAlarm(limiter);
    expect(events, 'the queue is down').toEqual([]);
    queue.refuse = false;
    vi.setSystemTime(Date.now() + 31_000);
    await runDurableObjectAlarm(limiter);
    await runDurableObjectAlarm(limiter);
    expect(events.map((event) => UsageEvent.parse(event))).toMatchObject([
      { request_id: dead.requestId, user_id: 'alice', status: 500, usage_source: 'unknown', cost_nano_usd: null },
    ]);
    expect(await standing(limiter)).toMatchObject({ concurrent_requests: 1, day: { held_nano_usd: 1_000 } });
  });

  it('keeps what is to be reported over an eviction', async () => {
    const limiter = env.ACCOUNT_LIMITER.getByName('silent-evicted');
    const first = await listen(limiter);
    first.queue.refuse = true;
    await limiter.admit(ask());
    vi.useFakeTimers({ now: Date.now() + LEASE_MS + 1, toFake: ['Date'] });
    await runDurableObjectAlarm(limiter);
    await evictDurableObject(limiter);
    vi.restoreAllMocks();
    const { events } = await listen(limiter);
    vi.setSystemTime(Date.now() + 31_000);
    await runDurableObjectAlarm(limiter);
    expect(events).toHaveLength(1);
  });

  it('takes over the ledger’s sums of closed days once a day, and lets go of what the ledger knows by then', async () => {
    const limiter = env.ACCOUNT_LIMITER.getByName('rebased');
    const noon = Date.UTC(2030, 10, 3, 12);
    vi.useFakeTimers({ now: noon, toFake: ['Date'] });
    const [known, unknown] = [ask({ userId: 'rebased' }), ask({ userId: 'rebased' })];
    for (const { requestId } of [known, unknown]) {
      await limiter.admit(ask({ requestId, userId: 'rebased' }));
      await limiter.settle(requestId, { tokens: 1, costNanoUsd: null });
    }
    const usage = (requestId: string, cost: number | null) =>
      usageEvent({
        request_id: requestId,
        user_id: 'rebased',
        input_tokens: 100,
        output_tokens: 11,
        cost_nano_usd: cost,
        created_at: noon,
      });
    await env.DB.batch(ledgerStatements(env.DB, [billedBy(usage(known.requestId, 250))]));
    const { events } = await listen(limiter);
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);

    vi.setSystemTime(noon + DAY_MS);
    await runDurableObjectAlarm(limiter);
    expect(log.mock.calls.join()).toContain('ledger_lacks_requests');
    // One that the ledger lacks is no reason to hold the other.
    expect((await standing(limiter)).month).toMatchObject({
      used: { requests: 2, tokens: 2, cost_nano_usd: 250 },
      held_nano_usd: 1_000,
    });

    await env.DB.batch(ledgerStatements(env.DB, [billedBy(usage(unknown.requestId, null))]));
    vi.setSystemTime(noon + 2 * DAY_MS);
    await runDurableObjectAlarm(limiter);
    expect((await standing(limiter)).month).toMatchObject({
      used: { requests: 2, tokens: 222, cost_nano_usd: 250 },
      held_nano_usd: 1_000,
    });
    expect(events).toEqual([]);

    await evictDurableObject(limiter);
    expect((await standing(limiter)).month).toMatchObject({ used: { cost_nano_usd: 250 }, held_nano_usd: 1_000 });
  });

  /** Enters a request of an attempt that did not tell its cost, and what the upstream said of it later. */
  async function reconcile(requestId: string, userId: string, told: number, late: number): Promise<void> {
    const attempt = {
      ...{ model: 'a/one', generation_id: 'gen-1', usage_source: 'estimated' as const, images: 0, relayed: true },
      ...{ input_tokens: 1, output_tokens: 1, cached_tokens: null, cache_write_tokens: null, reasoning_tokens: null },
    };
    const change = { request_id: requestId, user_id: userId, created_at: Date.now(), cost_nano_usd: told };
    const event = usageEvent({ ...change, unpriced_attempts: 1, unpriced: [attempt] });
    await env.DB.batch(ledgerStatements(env.DB, [billedBy(event)]));
    const from = await env.DB.prepare('SELECT * FROM unpriced_attempts WHERE request_id = ?1')
      .bind(requestId)
      .first<AttemptRow>();
    if (!from) throw new Error('The attempt is not there.');
    const to = { ...from, cost_nano_usd: late, state: 'reconciled' as const, usage_source: 'reconciled' as const };
    await env.DB.batch(adjustmentStatements(env.DB, [{ from, by: 'reconciled', to }]));
  }

  it('lets go of a hold of today soon after the ledger knows its cost, an eviction or not', async () => {
    const userId = 'reconciled';
    const limiter = env.ACCOUNT_LIMITER.getByName(userId);
    const morning = Date.UTC(2030, 10, 5, 8);
    vi.useFakeTimers({ now: morning, toFake: ['Date'] });
    const [known, unknown] = [ask({ userId }), ask({ userId })];
    for (const { requestId } of [known, unknown]) {
      await limiter.admit(requestId === known.requestId ? known : unknown);
      await limiter.settle(requestId, { tokens: 2, costNanoUsd: 100, heldNanoUsd: 900 });
    }
    const used = (cost_nano_usd: number) => ({ used: { requests: 2, cost_nano_usd } });
    expect((await standing(limiter)).day).toMatchObject({ ...used(200), held_requests: 2, held_nano_usd: 1_800 });
    await reconcile(known.requestId, userId, 100, 340);
    vi.setSystemTime(morning + 61_000);
    await runDurableObjectAlarm(limiter);
    expect((await standing(limiter)).day).toMatchObject({ ...used(540), held_requests: 1, held_nano_usd: 900 });

    await reconcile(unknown.requestId, userId, 100, 7);
    await evictDurableObject(limiter);
    vi.setSystemTime(morning + 3_600_000);
    await runDurableObjectAlarm(limiter);
    expect((await standing(limiter)).day).toMatchObject({ ...used(547), held_requests: 0, held_nano_usd: 0 });
  });

  it('takes the ledger’s sums of a day again when a hold of it is let go after it was closed', async () => {
    const userId = 'reconciled-late';
    const limiter = env.ACCOUNT_LIMITER.getByName(userId);
    const noon = Date.UTC(2030, 10, 6, 12);
    vi.useFakeTimers({ now: noon, toFake: ['Date'] });
    const late = ask({ userId });
    await limiter.admit(late);
    await limiter.settle(late.requestId, { tokens: 2, costNanoUsd: 100, heldNanoUsd: 900 });
    vi.setSystemTime(noon + DAY_MS);
    await runDurableObjectAlarm(limiter);
    vi.setSystemTime(noon);
    await reconcile(late.requestId, userId, 100, 300);
    vi.setSystemTime(noon + DAY_MS + 2 * 3_600_000);
    await runDurableObjectAlarm(limiter);
    const { month } = await standing(limiter);
    expect(month).toMatchObject({ used: { requests: 1, cost_nano_usd: 400 }, held_requests: 0 });
  });

  it('keeps events that their queues would not take, over an eviction, and hands them on once they do', async () => {
    const limiter = env.ACCOUNT_LIMITER.getByName('outbox');
    const first = await listen(limiter);
    first.queue.refuse = true;
    vi.useFakeTimers({ now: Date.UTC(2030, 10, 7, 12), toFake: ['Date'] });
    const event = usageEvent();
    for (const _ of [1, 2]) await limiter.keep({ queue: 'usage', event });
    await runDurableObjectAlarm(limiter);
    await evictDurableObject(limiter);
    vi.restoreAllMocks();
    const { events } = await listen(limiter);
    vi.setSystemTime(Date.now() + 11_000);
    await runDurableObjectAlarm(limiter);
    await runDurableObjectAlarm(limiter);
    expect(events).toEqual([event]);
  });

  it('keeps its own sums while D1 cannot be read', async () => {
    const limiter = env.ACCOUNT_LIMITER.getByName('no-database');
    const one = ask();
    await limiter.admit(one);
    await limiter.settle(one.requestId, { tokens: 1, costNanoUsd: 5 });
    await runInDurableObject(limiter, (instance: AccountLimiter) => {
      const bindings = (instance as unknown as { env: { DB: D1Database } }).env;
      vi.spyOn(bindings.DB, 'prepare').mockImplementation(() => {
        throw new Error('D1_ERROR: overloaded');
      });
    });
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    await runDurableObjectAlarm(limiter);
    expect(log.mock.calls.join()).toContain('rebase_failed');
    expect((await standing(limiter)).month.used.cost_nano_usd).toBe(5);
  });

  it('sleeps for good once there is nothing left to watch', async () => {
    const limiter = env.ACCOUNT_LIMITER.getByName('asleep');
    vi.useFakeTimers({ now: Date.UTC(2030, 9, 31, 12), toFake: ['Date'] });
    const one = ask();
    await limiter.admit(one);
    await limiter.settle(one.requestId, { tokens: 1, costNanoUsd: 5 });
    // Nothing of October is in November's books, so that the alarm there is the last.
    vi.setSystemTime(Date.UTC(2030, 10, 1, 6));
    let alarms = 0;
    while (alarms < 10 && (await runDurableObjectAlarm(limiter))) alarms += 1;
    expect(alarms).toBeGreaterThan(0);
    expect(alarms).toBeLessThan(3);
  });

  it('in any interleaving of concurrent calls, expiry and eviction: within its limits, and no reservation left', {
    timeout: 60_000,
  }, async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('burst' as const), count: fc.integer({ min: 1, max: 12 }), bound: fc.nat(400) }),
      fc.record({ do: fc.constant('settle' as const), count: fc.nat(6), known: fc.boolean() }),
      fc.record({ do: fc.constant('mixed' as const), count: fc.integer({ min: 1, max: 6 }), bound: fc.nat(400) }),
      fc.record({ do: fc.constant('pass' as const), ms: fc.nat(LEASE_MS / 2) }),
      fc.record({ do: fc.constant('evict' as const) }),
      fc.record({ do: fc.constant('alarm' as const) }),
    );
    const limits = {
      ...UNLIMITED,
      requests_per_minute: 15,
      concurrent_requests: 5,
      requests_per_month: 40,
      budget_day_nano_usd: 3_000,
    };
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (history) => {
        run += 1;
        const limiter = env.ACCOUNT_LIMITER.getByName(`history-${run}`);
        vi.useFakeTimers({ now: Date.UTC(2030, 10, 20, 6), toFake: ['Date'] });
        const open: Ask[] = [];
        let admitted = 0;
        const admit = async (bound: number) => {
          const one = ask({ limits, costNanoUsd: bound });
          const { refusal } = await limiter.admit(one);
          if (refusal) return;
          admitted += 1;
          open.push(one);
        };
        const settle = async (one: Ask, known: boolean) => {
          const costNanoUsd = known ? Math.floor(one.costNanoUsd / 3) : null;
          await limiter.settle(one.requestId, { tokens: 1, costNanoUsd });
        };
        for (const now of history) {
          if (now.do === 'burst') await Promise.all(Array.from({ length: now.count }, () => admit(now.bound)));
          else if (now.do === 'settle') {
            await Promise.all(open.splice(0, now.count).map((one) => settle(one, now.known)));
          } else if (now.do === 'mixed') {
            const ending = open.splice(0, now.count);
            await Promise.all([
              ...ending.map((one) => settle(one, true)),
              ...Array.from({ length: now.count }, () => admit(now.bound)),
              runDurableObjectAlarm(limiter),
            ]);
          } else if (now.do === 'pass') vi.setSystemTime(Date.now() + now.ms);
          else if (now.do === 'evict') {
            await standing(limiter);
            await evictDurableObject(limiter);
          } else await runDurableObjectAlarm(limiter);

          const { day, concurrent_requests, requests } = await standing(limiter, limits);
          const spent = day.used.cost_nano_usd + day.held_nano_usd + day.reserved.cost_nano_usd;
          expect(spent).toBeLessThanOrEqual(3_000);
          expect(concurrent_requests).toBeLessThanOrEqual(5);
          expect(day.used.requests + day.reserved.requests).toBe(admitted);
          expect(admitted).toBeLessThanOrEqual(40);
          expect(requests.remaining).toBeGreaterThanOrEqual(0);
        }
        vi.setSystemTime(Date.now() + LEASE_MS);
        await runDurableObjectAlarm(limiter);
        const end = await standing(limiter, limits);
        expect(end.day.reserved).toEqual({ requests: 0, tokens: 0, cost_nano_usd: 0 });
        expect(end.day.used.requests, 'every admitted request ended once').toBe(admitted);
        expect(dayOf(Date.now())).toBe(Date.UTC(2030, 10, 20));
      }),
      { seed: 5, numRuns: 60 },
    );
  });
});
