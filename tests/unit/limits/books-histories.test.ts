import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Books, LEASE_MS } from '../../../api-worker/limits/books.ts';
import { DAY_MS, dayOf, periodOf } from '../../../api-worker/limits/periods.ts';
import { UNLIMITED } from '../../support/limits.ts';

const NOW = Date.UTC(2026, 10, 10, 12);
const DAY_BUDGET = 2_000;
const MONTH_BUDGET = 3_000;
const LIMITS = {
  ...UNLIMITED,
  requests_per_minute: 20,
  concurrent_requests: 4,
  requests_per_month: 50,
  budget_day_nano_usd: DAY_BUDGET,
  budget_month_nano_usd: MONTH_BUDGET,
};

/** A step of a history. Times move on; `which` picks one of the open requests, shares are of its bound. */
type Step =
  | { do: 'admit'; bound: number; tokens: number }
  | { do: 'raise'; which: number; by: number }
  | { do: 'settle'; which: number; known: number; unknown: number; told: boolean }
  | { do: 'expire' }
  | { do: 'reload' };

const share = fc.double({ min: 0, max: 1, noNaN: true });
const steps = fc.array(
  fc.tuple(
    fc.integer({ min: 0, max: LEASE_MS / 4 }),
    fc.oneof<fc.Arbitrary<Step>[]>(
      fc.record({ do: fc.constant('admit'), bound: fc.nat(500), tokens: fc.nat(100) }),
      fc.record({ do: fc.constant('raise'), which: fc.nat(3), by: fc.integer({ min: -200, max: 1_500 }) }),
      fc.record({
        do: fc.constant('settle'),
        which: fc.nat(3),
        known: share,
        unknown: share,
        told: fc.boolean(),
      }),
      fc.record({ do: fc.constant('expire') }),
      fc.record({ do: fc.constant('reload') }),
    ),
  ),
  { maxLength: 120 },
);

/** A run of a history: the books, and beside them what the upstream charges, known to the books or not. */
class Run {
  books = new Books();
  now = NOW;
  admitted = 0;
  ended = 0;
  /** Until a request is settled, the worst is to be expected of it. */
  readonly truth = new Map<string, { arrivedAt: number; cost: number }>();

  take(step: Step): void {
    const { books, now, truth } = this;
    if (step.do === 'admit') this.#admit(step.bound, step.tokens);
    else if (step.do === 'expire') this.ended += books.expire(now).length;
    else if (step.do === 'reload') this.books = new Books(structuredClone(books.state));
    else {
      const open = [...books.state.open.values()].at(step.which);
      if (!open) return;
      const { requestId, arrivedAt, costNanoUsd: bound } = open;
      if (step.do === 'raise') {
        if (books.raise(requestId, bound + step.by, LIMITS))
          truth.set(requestId, { arrivedAt, cost: Math.max(bound, bound + step.by) });
        return;
      }
      const known = Math.floor(bound * step.known);
      const heldNanoUsd = Math.floor((bound - known) * step.unknown);
      truth.set(requestId, { arrivedAt, cost: known + heldNanoUsd });
      books.settle(requestId, { tokens: 1, costNanoUsd: step.told ? known : null, heldNanoUsd }, now);
      this.ended += 1;
    }
  }

  #admit(costNanoUsd: number, tokens: number): void {
    const { books, now, truth } = this;
    const requestId = `r${this.admitted}`;
    const whose = { userId: 'alice', keyId: 'k1', endpoint: '/v1/chat/completions', requestedModel: 'a/model' };
    const asked = { ...whose, requestId, arrivedAt: now, tokens, costNanoUsd, limits: LIMITS, keyRateLimit: null };
    if (books.admit(asked, now).refusal) return;
    this.admitted += 1;
    truth.set(requestId, { arrivedAt: now, cost: costNanoUsd });
  }

  /** What was truly spent, or may be, from a time on. */
  spentFrom(from: number): number {
    return [...this.truth.values()].reduce((sum, { arrivedAt, cost }) => sum + (arrivedAt >= from ? cost : 0), 0);
  }

  check(): void {
    const { books, now } = this;
    const day = dayOf(now);
    const month = periodOf('month', now);
    for (const [from, to, budget] of [
      [day, day + DAY_MS, DAY_BUDGET],
      [month.from, month.to, MONTH_BUDGET],
    ] as const) {
      const { used, held_nano_usd, reserved } = books.totals(from, to);
      const taken = used.cost_nano_usd + held_nano_usd + reserved.cost_nano_usd;
      expect(taken).toBeLessThanOrEqual(budget);
      expect(this.spentFrom(from), 'the books account for all that is spent').toBeLessThanOrEqual(taken);
    }
    const { used, reserved } = books.totals(month.from, month.to);
    expect(books.state.open.size).toBeLessThanOrEqual(4);
    expect(used.requests + reserved.requests).toBe(this.admitted);
    expect(used.requests).toBe(this.ended);
  }
}

describe('in every history of admit, raise, settle, expire and reload', () => {
  it('what is settled, held and reserved, and what was truly spent, never passes a budget; no limit is passed, and nothing is reserved for ever', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const run = new Run();
        for (const [wait, step] of history) {
          run.now += wait;
          run.take(step);
          run.check();
        }
        run.books.expire(run.now + LEASE_MS);
        expect(run.books.state.open.size, 'no reservation outlives its lease').toBe(0);
      }),
      { seed: 3, numRuns: 1_000 },
    );
  });
});
