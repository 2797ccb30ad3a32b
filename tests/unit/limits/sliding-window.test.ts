import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duration } from '../../../api-worker/limits/rate-limit-headers.ts';
import {
  add,
  amend,
  EMPTY_WINDOW,
  untilEmpty,
  untilRoom,
  used,
  WINDOW_MS,
} from '../../../api-worker/limits/sliding-window.ts';

const MINUTE = 1_000 * WINDOW_MS;

/** Runs requests of one each at the given times and returns the times of those admitted. */
function run(limit: number, times: readonly number[]): number[] {
  let window = EMPTY_WINDOW;
  return times.filter((now) => {
    if (untilRoom(window, 1, limit, now) > 0) return false;
    window = add(window, 1, now);
    return true;
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

  it('says how long to wait for any amount, and has room after that wait and not before', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 0, max: 1000 }),
        fc.integer({ min: 0, max: 1000 }),
        fc.integer({ min: 0, max: WINDOW_MS - 1 }),
        (limit, amount, current, previous, elapsed) => {
          const window = { startedAt: MINUTE, current, previous };
          const wait = untilRoom(window, amount, limit, MINUTE + elapsed);
          if (amount > limit) {
            expect(wait).toBe(Number.POSITIVE_INFINITY);
            return;
          }
          const then = MINUTE + elapsed + wait;
          expect(untilRoom(window, amount, limit, then + 1)).toBe(0);
          if (wait > 1) expect(untilRoom(window, amount, limit, then - 2)).toBeGreaterThan(0);
        },
      ),
      { seed: 1 },
    );
  });

  it('has no room, ever, for more than its limit', () => {
    expect(untilRoom(EMPTY_WINDOW, 1, 0, MINUTE)).toBe(Number.POSITIVE_INFINITY);
    expect(untilRoom(EMPTY_WINDOW, 61, 60, MINUTE)).toBe(Number.POSITIVE_INFINITY);
  });

  it('takes back what was not used from the bucket that it was added to', () => {
    const window = add(EMPTY_WINDOW, 100, MINUTE);
    expect(used(amend(window, -90, MINUTE, MINUTE + 5), MINUTE + 5)).toBe(10);
    const next = MINUTE + WINDOW_MS;
    expect(used(amend(window, -90, MINUTE, next), next)).toBe(10);
    const after = add(window, 7, next + WINDOW_MS);
    expect(used(amend(after, -90, MINUTE, next + WINDOW_MS), next + WINDOW_MS)).toBe(7);
  });

  it('counts what was used beyond the estimate from the moment it is known', () => {
    const later = MINUTE + 3 * WINDOW_MS;
    expect(used(amend(add(EMPTY_WINDOW, 10, MINUTE), 50, MINUTE, later), later)).toBe(50);
  });

  it('is empty when it says so, and not before', () => {
    const window = add(EMPTY_WINDOW, 5, MINUTE + 100);
    const wait = untilEmpty(window, MINUTE + 100);
    expect(used(window, MINUTE + 100 + wait)).toBe(0);
    expect(used(window, MINUTE + 100 + wait - 100)).toBeGreaterThan(0);
    expect(untilEmpty(EMPTY_WINDOW, MINUTE)).toBe(0);
  });

  it('forgets nothing when the clock steps back', () => {
    const window = add(EMPTY_WINDOW, 5, MINUTE);
    expect(used(window, MINUTE - 30_000)).toBeGreaterThanOrEqual(5);
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
