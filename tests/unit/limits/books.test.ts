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

/** What open requests reserve of the day's budget. */
function reserved(books: Books): number {
  return books.totals(dayOf(NOW), dayOf(NOW) + DAY_MS).reserved.cost_nano_usd;
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
      held_requests: 0,
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

  it('raise what a request reserves as far as the budgets have room, with what others take up', () => {
    for (const budget of ['budget_day_nano_usd', 'budget_month_nano_usd']) {
      const books = new Books();
      const limits = { ...UNLIMITED, [budget]: 3_000 };
      books.admit(ask({ limits }), NOW);
      books.admit(ask({ requestId: 'r2', limits }), NOW);
      expect(books.raise('r1', 2_001, limits)).toBe(false);
      expect(reserved(books), 'a refused raise reserves nothing').toBe(2_000);
      expect(books.raise('r1', 2_000, limits)).toBe(true);
      expect(reserved(books)).toBe(3_000);
      expect(books.admit(ask({ requestId: 'r3', costNanoUsd: 1, limits }), NOW).refusal?.limit).toBe('budget');
    }
  });

  it('raise a reservation only upwards, and once however often it is asked for', () => {
    const books = new Books();
    const limits = { ...UNLIMITED, budget_day_nano_usd: 1_500 };
    books.admit(ask({ limits }), NOW);
    for (let n = 0; n < 3; n += 1) expect(books.raise('r1', 1_500, limits)).toBe(true);
    expect(reserved(books)).toBe(1_500);
    expect(books.raise('r1', 10, limits)).toBe(true);
    expect(reserved(books)).toBe(1_500);
  });

  it('raise nothing for a request that is not open', () => {
    const books = new Books();
    expect(books.raise('r1', 2_000, UNLIMITED), 'never asked for').toBe(false);
    books.admit(ask(), NOW);
    books.settle('r1', { tokens: 1, costNanoUsd: null }, NOW);
    expect(books.raise('r1', 2_000, UNLIMITED), 'on hold').toBe(false);
    expect(reserved(books)).toBe(0);
    expect(books.state.held.get('r1')?.costNanoUsd).toBe(1_000);
  });

  it('ask for no other quota when a reservation is raised', () => {
    const books = new Books();
    const limits = { ...UNLIMITED, requests_per_month: 1, tokens_per_month: 100, requests_per_minute: 1 };
    expect(books.admit(ask({ limits }), NOW).refusal).toBeNull();
    expect(books.raise('r1', 2_000, limits)).toBe(true);
    expect(books.totals(dayOf(NOW), dayOf(NOW) + DAY_MS).reserved).toEqual({
      requests: 1,
      tokens: 100,
      cost_nano_usd: 2_000,
    });
  });

  it('hold a raised request of unknown cost at the bound that it was raised to', () => {
    const books = new Books();
    books.admit(ask(), NOW);
    books.raise('r1', 2_500, UNLIMITED);
    books.settle('r1', { tokens: 1, costNanoUsd: null, heldNanoUsd: 7 }, NOW);
    expect(books.state.held.get('r1')?.costNanoUsd).toBe(2_500);
  });

  it('are the same when a settlement with unknown attempts is told twice', () => {
    const books = new Books();
    const day = dayOf(NOW);
    const settlement = { tokens: 1, costNanoUsd: 250, heldNanoUsd: 600 };
    books.admit(ask({}), NOW);
    for (const _ of [1, 2, 3]) expect(books.settle('r1', settlement, NOW)).toBe(true);
    const totals = { used: { requests: 1, cost_nano_usd: 250 }, held_nano_usd: 600 };
    expect(books.totals(day, day + DAY_MS)).toMatchObject(totals);
  });

  it('hold the unknown of a request that was taken for dead and then told its end, once', () => {
    const books = new Books();
    const day = dayOf(NOW);
    books.admit(ask({}), NOW);
    books.expire(NOW + LEASE_MS);
    for (const _ of [1, 2]) books.settle('r1', { tokens: 1, costNanoUsd: 250, heldNanoUsd: 600 }, NOW + LEASE_MS);
    const totals = { used: { requests: 1, cost_nano_usd: 250 }, held_nano_usd: 600 };
    expect(books.totals(day, day + DAY_MS)).toMatchObject(totals);
  });

  it('hold, beside a known cost, what attempts of unknown cost may have cost', () => {
    const books = new Books();
    const limits = { ...UNLIMITED, budget_day_nano_usd: 1_000 };
    const day = dayOf(NOW);
    books.admit(ask({ limits }), NOW);
    books.settle('r1', { tokens: 30, costNanoUsd: 250, heldNanoUsd: 600 }, NOW);
    expect(books.totals(day, day + DAY_MS)).toMatchObject({
      used: { requests: 1, cost_nano_usd: 250 },
      held_nano_usd: 600,
      reserved: { requests: 0, cost_nano_usd: 0 },
    });
    const more = (requestId: string, costNanoUsd: number) => books.admit(ask({ requestId, costNanoUsd, limits }), NOW);
    expect(more('r2', 151).refusal).toMatchObject({ limit: 'budget', free: 150, inProgress: false });
    expect(more('r2', 150).refusal).toBeNull();
    expect(books.rebase(day, { requests: 1, tokens: 30, cost_nano_usd: 300 }, ['r1'])).toBe(true);
    expect(books.totals(day, day + DAY_MS)).toMatchObject({ used: { cost_nano_usd: 300 }, held_nano_usd: 0 });
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
