import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duration } from '../../../api-worker/limits/admission.ts';
import { admit, WINDOW_MS, type Window } from '../../../api-worker/limits/sliding-window.ts';

const EMPTY: Window = { startedAt: 0, current: 0, previous: 0 };
const MINUTE = 1_000 * WINDOW_MS;

/** Runs requests at the given times and returns the times of those admitted. */
function run(limit: number, times: readonly number[]): number[] {
  let window = EMPTY;
  return times.filter((now) => {
    const verdict = admit(window, limit, now);
    window = verdict.window;
    return verdict.admitted;
  });
}

describe('the sliding window', () => {
  it('admits exactly the limit within one bucket', () => {
    const times = Array.from({ length: 500 }, (_, n) => MINUTE + n);
    expect(run(60, times)).toHaveLength(60);
  });

  it('gives a burst across a minute edge no double allowance', () => {
    const before = Array.from({ length: 100 }, () => MINUTE + WINDOW_MS - 1);
    const after = Array.from({ length: 100 }, () => MINUTE + WINDOW_MS + 1);
    expect(run(60, [...before, ...after])).toHaveLength(60);
  });

  it('never admits more than the limit between two bucket edges, whatever the arrivals', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 50 }),
        fc.array(fc.integer({ min: 0, max: 5 * WINDOW_MS }), { maxLength: 300 }),
        (limit, offsets) => {
          const admitted = run(
            limit,
            offsets.toSorted((a, b) => a - b).map((offset) => MINUTE + offset),
          );
          const buckets = Map.groupBy(admitted, (time) => Math.floor(time / WINDOW_MS));
          for (const times of buckets.values()) expect(times.length).toBeLessThanOrEqual(limit);
        },
      ),
      { seed: 1 },
    );
  });

  it('says how long to wait, and admits after that wait and not before', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: WINDOW_MS - 1 }),
        (limit, current, previous, elapsed) => {
          const window = { startedAt: MINUTE, current: Math.min(current, limit), previous: Math.min(previous, limit) };
          const verdict = admit(window, limit, MINUTE + elapsed);
          if (verdict.admitted) return;
          const then = MINUTE + elapsed + verdict.retryAfterMs;
          expect(verdict.retryAfterMs).toBeGreaterThan(0);
          expect(admit(window, limit, then + 1).admitted).toBe(true);
          expect(admit(window, limit, then - 2).admitted).toBe(false);
        },
      ),
      { seed: 1 },
    );
  });

  it('counts down what remains', () => {
    expect(admit(EMPTY, 60, MINUTE).remaining).toBe(59);
    expect(admit(EMPTY, 0, MINUTE)).toMatchObject({ admitted: false, remaining: 0 });
  });
});

describe('duration', () => {
  it.each([
    [12, '12ms'],
    [1500, '1.5s'],
    [60_000, '1m0s'],
    [119_400, '1m59s'],
  ])('writes %i ms as %s', (ms, text) => expect(duration(ms)).toBe(text));
});
