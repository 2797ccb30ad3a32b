import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Ask, Books, LEASE_MS } from '../../../api-worker/limits/books.ts';
import { DAY_MS, dayOf, periodOf } from '../../../api-worker/limits/periods.ts';
import { UNLIMITED } from '../../support/limits.ts';

const NOW = Date.UTC(2026, 10, 10, 12);

function ask(change: Partial<Ask> = {}): Ask {
  return {
    requestId: 'r1',
    userId: 'alice',
    keyId: 'k1',
    endpoint: '/v1/chat/completions',
    requestedModel: 'a/model',
    arrivedAt: NOW,
    tokens: 100,
    costNanoUsd: 1_000,
    limits: UNLIMITED,
    keyRateLimit: null,
    ...change,
  };
}

/** Asks for many requests and returns the refusals, null for an admitted one. */
function admitAll(books: Books, count: number, change: Partial<Ask>, now = NOW) {
  return Array.from({ length: count }, (_, n) => books.admit(ask({ requestId: `r${n}`, ...change }), now).refusal);
}

describe('the books of an account', () => {
  it.each([
    ['requests', { requests_per_minute: 5 }],
    ['concurrency', { concurrent_requests: 5 }],
    ['tokens', { tokens_per_minute: 599 }],
    ['month_requests', { requests_per_month: 5 }],
    ['month_tokens', { tokens_per_month: 599 }],
    ['budget', { budget_day_nano_usd: 5_999 }],
    ['budget', { budget_month_nano_usd: 5_999 }],
  ])('admit exactly what fits: %s of %j', (limit, limits) => {
    const refusals = admitAll(new Books(), 20, { limits: { ...UNLIMITED, ...limits } });
    expect(refusals.map((refusal) => refusal?.limit ?? null)).toEqual([
      ...Array(5).fill(null),
      ...Array(15).fill(limit),
    ]);
  });

  it('count a key with a rate limit of its own apart from the account', () => {
    const books = new Books();
    const limits = { ...UNLIMITED, requests_per_minute: 1 };
    expect(books.admit(ask({ requestId: 'a', limits }), NOW).refusal).toBeNull();
    const own = { keyId: 'k2', keyRateLimit: 2, limits };
    const refusals = admitAll(books, 3, own);
    expect(refusals.map((refusal) => refusal?.granted ?? null)).toEqual([null, null, 2]);
  });

  it('make an admission that is asked for twice once', () => {
    const books = new Books();
    const limits = { ...UNLIMITED, requests_per_minute: 1 };
    for (let n = 0; n < 3; n += 1) expect(books.admit(ask({ limits }), NOW).refusal).toBeNull();
    expect(books.state.open.size).toBe(1);
    expect(books.rates({ limits, keyId: 'k1', keyRateLimit: null }, NOW).requests.remaining).toBe(0);
  });

  it('put the truth in place of the reservation', () => {
    const books = new Books();
    books.admit(ask(), NOW);
    expect(books.settle('r1', { tokens: 30, costNanoUsd: 250 }, NOW)).toBe(true);
    expect(books.totals(dayOf(NOW), dayOf(NOW) + DAY_MS)).toEqual({
      used: { requests: 1, tokens: 30, cost_nano_usd: 250 },
      held_nano_usd: 0,
      reserved: { requests: 0, tokens: 0, cost_nano_usd: 0 },
    });
    expect(books.settle('r1', { tokens: 30, costNanoUsd: 250 }, NOW), 'once').toBe(false);
    const limits = { ...UNLIMITED, tokens_per_minute: 100 };
    expect(books.rates({ limits, keyId: 'k1', keyRateLimit: null }, NOW).tokens?.remaining).toBe(70);
  });

  it('hold a request of unknown cost at its bound until the truth is known', () => {
    const books = new Books();
    const limits = { ...UNLIMITED, budget_day_nano_usd: 1_000 };
    books.admit(ask({ limits }), NOW);
    books.settle('r1', { tokens: null, costNanoUsd: null }, NOW);
    expect(books.admit(ask({ requestId: 'r2', limits }), NOW).refusal).toMatchObject({
      limit: 'budget',
      period: 'day',
      inProgress: false,
      retryAfterMs: DAY_MS / 2,
    });
    books.settle('r1', { tokens: 5, costNanoUsd: 0 }, NOW);
    expect(books.admit(ask({ requestId: 'r2', limits }), NOW).refusal).toBeNull();
  });

  it('hold nothing where no budget asked for a bound', () => {
    const books = new Books();
    books.admit(ask({ costNanoUsd: 0 }), NOW);
    books.settle('r1', { tokens: null, costNanoUsd: null }, NOW);
    expect(books.state.held.size).toBe(0);
  });

  it('say that waiting helps where only requests in progress are in the way', () => {
    const books = new Books();
    const limits = { ...UNLIMITED, budget_day_nano_usd: 1_500 };
    books.admit(ask({ limits }), NOW);
    const { refusal } = books.admit(ask({ requestId: 'r2', limits }), NOW);
    expect(refusal).toMatchObject({ limit: 'budget', inProgress: true, retryAfterMs: 1000, free: 500 });
  });

  it('say that nothing helps where the request is larger than the limit', () => {
    for (const limits of [{ tokens_per_minute: 99 }, { budget_day_nano_usd: 999 }, { concurrent_requests: 0 }]) {
      const { refusal } = new Books().admit(ask({ limits: { ...UNLIMITED, ...limits } }), NOW);
      expect(refusal?.retryAfterMs).toBe(Number.POSITIVE_INFINITY);
    }
  });

  it('take a request for dead when its lease has run out, and not if it was renewed', () => {
    const books = new Books();
    books.admit(ask(), NOW);
    books.admit(ask({ requestId: 'r2' }), NOW);
    expect(books.renew('r2', NOW + 1_000)).toBe(true);
    expect(books.expire(NOW + LEASE_MS - 1)).toEqual([]);
    expect(books.expire(NOW + LEASE_MS)).toMatchObject([{ requestId: 'r1' }]);
    expect(books.renew('r1', NOW + LEASE_MS)).toBe(false);
    expect(books.firstLeaseEnd()).toBe(NOW + 1_000 + LEASE_MS);
    expect([...books.state.held.keys()]).toEqual(['r1']);
  });

  it('take over the ledger’s sums of a day once it has all of it, and what it knows of holds', () => {
    const books = new Books();
    for (const requestId of ['r1', 'r2']) {
      books.admit(ask({ requestId }), NOW);
      books.settle(requestId, { tokens: 1, costNanoUsd: null }, NOW);
    }
    const day = dayOf(NOW);
    expect(books.rebase(day, { requests: 1, tokens: 9, cost_nano_usd: 9 }, ['r1'])).toBe(false);
    expect(books.state.held.size).toBe(2);
    expect(books.rebase(day, { requests: 2, tokens: 9, cost_nano_usd: 9 }, ['r1'])).toBe(true);
    expect(books.totals(day, day + DAY_MS)).toMatchObject({
      used: { requests: 2, tokens: 9, cost_nano_usd: 9 },
      held_nano_usd: 1_000,
    });
  });

  it('count a request for the day and month in which it arrived', () => {
    const books = new Books();
    const lastMoment = Date.UTC(2026, 11, 1) - 1;
    books.admit(ask({ arrivedAt: lastMoment }), lastMoment);
    books.settle('r1', { tokens: 1, costNanoUsd: 7 }, lastMoment + 5_000);
    const november = periodOf('month', lastMoment);
    expect(november).toEqual({ from: Date.UTC(2026, 10, 1), to: Date.UTC(2026, 11, 1) });
    expect(books.totals(november.from, november.to).used.cost_nano_usd).toBe(7);
    books.forgetBefore(november.to);
    expect(books.state.days.size).toBe(0);
  });
});

/** A step of a history. Times move on; requests are named by the order of their asking. */
type Step =
  | { do: 'admit'; bound: number; tokens: number }
  | { do: 'settle'; which: number; share: number; known: boolean }
  | { do: 'expire' }
  | { do: 'reload' };

const steps = fc.array(
  fc.tuple(
    fc.integer({ min: 0, max: LEASE_MS / 4 }),
    fc.oneof<fc.Arbitrary<Step>[]>(
      fc.record({ do: fc.constant('admit'), bound: fc.nat(500), tokens: fc.nat(100) }),
      fc.record({
        do: fc.constant('settle'),
        which: fc.nat(60),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
        known: fc.boolean(),
      }),
      fc.record({ do: fc.constant('expire') }),
      fc.record({ do: fc.constant('reload') }),
    ),
  ),
  { maxLength: 120 },
);

describe('in every history of admit, settle, expire and reload', () => {
  it('what was truly spent never passes the budget, no limit is passed, and nothing is reserved for ever', () => {
    const limits = {
      ...UNLIMITED,
      requests_per_minute: 20,
      concurrent_requests: 4,
      requests_per_month: 50,
      budget_day_nano_usd: 2_000,
      budget_month_nano_usd: 3_000,
    };
    fc.assert(
      fc.property(steps, (history) => {
        let books = new Books();
        let now = NOW;
        /** What the upstream charges, known to the books or not. */
        const truth: { arrivedAt: number; cost: number }[] = [];
        const asked: Ask[] = [];
        let admitted = 0;
        let ended = 0;
        for (const [wait, step] of history) {
          now += wait;
          if (step.do === 'admit') {
            const one = ask({
              requestId: `r${asked.length}`,
              arrivedAt: now,
              costNanoUsd: step.bound,
              tokens: step.tokens,
              limits,
            });
            asked.push(one);
            if (!books.admit(one, now).refusal) {
              admitted += 1;
              // Until it is settled, the worst is to be expected.
              truth.push({ arrivedAt: now, cost: step.bound });
            }
          } else if (step.do === 'settle') {
            const one = asked[step.which];
            if (one && books.state.open.has(one.requestId)) {
              const cost = Math.floor(one.costNanoUsd * step.share);
              const paid = truth.find(({ arrivedAt, cost }) => arrivedAt === one.arrivedAt && cost === one.costNanoUsd);
              if (paid) paid.cost = cost;
              books.settle(one.requestId, { tokens: 1, costNanoUsd: step.known ? cost : null }, now);
              ended += 1;
            }
          } else if (step.do === 'expire') ended += books.expire(now).length;
          else books = new Books(structuredClone(books.state));

          const month = periodOf('month', now);
          const { used, held_nano_usd, reserved } = books.totals(month.from, month.to);
          const spent = (from: number) =>
            truth.filter(({ arrivedAt }) => arrivedAt >= from).reduce((sum, { cost }) => sum + cost, 0);
          expect(spent(month.from)).toBeLessThanOrEqual(3_000);
          expect(spent(dayOf(now))).toBeLessThanOrEqual(2_000);
          expect(used.cost_nano_usd + held_nano_usd + reserved.cost_nano_usd).toBeLessThanOrEqual(3_000);
          expect(books.state.open.size).toBeLessThanOrEqual(4);
          expect(used.requests + reserved.requests).toBe(admitted);
          expect(used.requests).toBe(ended);
        }
        books.expire(now + LEASE_MS);
        expect(books.state.open.size, 'no reservation outlives its lease').toBe(0);
      }),
      { seed: 3, numRuns: 1_000 },
    );
  });
});
