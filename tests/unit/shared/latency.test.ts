import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bucket, latencyBucket, percentile } from '../../../shared/latency.ts';

const times = fc.array(fc.integer({ min: 0, max: 600_000 }), { minLength: 1, maxLength: 200 });

function histogramOf(list: readonly number[]): Bucket[] {
  return [...Map.groupBy(list, latencyBucket)].map(([up_to_ms, { length }]) => ({ up_to_ms, requests: length }));
}

describe('a latency histogram', () => {
  it('has a bucket for every time, whose end the time does not pass', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 3_600_000 }), (ms) => latencyBucket(ms) >= ms));
    expect(latencyBucket(Number.MAX_SAFE_INTEGER)).toBe(3_600_000);
  });

  it('gives percentiles that are off by a quarter, or by its first bucket, at most', () => {
    fc.assert(
      fc.property(times, fc.constantFrom(0.01, 0.5, 0.95, 0.99, 1), (list, share) => {
        const exact = list.toSorted((a, b) => a - b)[Math.ceil(share * list.length) - 1] ?? Number.NaN;
        const found = percentile(histogramOf(list), share) ?? Number.NaN;
        expect(Math.abs(found - exact)).toBeLessThanOrEqual(Math.max(10, exact * 0.26));
      }),
      { seed: 20261129 },
    );
  });

  it('knows no percentile of nothing', () => {
    expect(percentile([], 0.5)).toBeNull();
  });
});
