import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { delayBefore } from '../../../api-worker/upstream/failover.ts';

const attempts = fc.integer({ min: 1, max: 10 });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('the delay before an attempt is repeated', () => {
  it.each([
    [1, 250],
    [2, 500],
    [3, 1_000],
    [4, 2_000],
  ])('after attempt %i lies anywhere up to %i ms', (attemptNumber, bound) => {
    expect(delayBefore(attemptNumber, null, () => 0)).toBe(0);
    expect(delayBefore(attemptNumber, null, () => 0.5)).toBe(bound / 2);
    expect(delayBefore(attemptNumber, null, () => 1 - Number.EPSILON)).toBe(bound - 1);
  });

  it('is whole milliseconds, grows with the draw, and doubles its bound with each attempt', () => {
    fc.assert(
      fc.property(attempts, random, random, (attemptNumber, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        const [shorter, longer] = [low, high].map((draw) => delayBefore(attemptNumber, null, () => draw));
        expect(shorter).toBeLessThanOrEqual(longer ?? Number.NaN);
        expect(Number.isInteger(longer)).toBe(true);
        expect(longer).toBeLessThan(250 * 2 ** (attemptNumber - 1));
      }),
      { seed: 1 },
    );
  });

  it('is never under Retry-After, which only takes the place of a shorter jitter', () => {
    fc.assert(
      fc.property(attempts, fc.nat({ max: 5_000 }), random, (attemptNumber, retryAfterMs, draw) => {
        const jitter = delayBefore(attemptNumber, null, () => draw);
        const delay = delayBefore(attemptNumber, retryAfterMs, () => draw);
        expect(delay).toBe(Math.max(jitter, retryAfterMs));
      }),
      { seed: 2 },
    );
  });

  it('differs from caller to caller by itself', () => {
    expect(new Set(Array.from({ length: 50 }, () => delayBefore(10, null))).size).toBeGreaterThan(1);
  });
});
