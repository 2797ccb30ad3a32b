/** Each bucket ends a quarter later than the one before, so that a percentile is off by a quarter at most. */
const GROWTH = 1.25;
const FIRST_MS = 10;
const LAST_MS = 3_600_000;

/** The upper ends of all buckets, ms, ascending; a time is in the first whose end it does not pass. */
const LATENCY_BUCKETS: readonly number[] = bucketEnds();

function bucketEnds(): number[] {
  const ends: number[] = [];
  for (let end = FIRST_MS; end < LAST_MS; end *= GROWTH) ends.push(Math.round(end));
  return [...ends, LAST_MS];
}

/** The bucket of a time, by its upper end; what passes the last is counted there. Both in ms. */
export function latencyBucket(ms: number): number {
  return LATENCY_BUCKETS.find((end) => ms <= end) ?? LAST_MS;
}

/** A bucket of a histogram and how many requests are in it. */
export interface Bucket {
  up_to_ms: number;
  requests: number;
}

/**
 * The time that a share of all requests did not pass, ms, by straight line within its bucket; null for
 * an empty histogram.
 *
 * @param share such as 0.95.
 */
export function percentile(histogram: readonly Bucket[], share: number): number | null {
  const all = histogram.reduce((sum, { requests }) => sum + requests, 0);
  if (all === 0) return null;
  let left = share * all;
  for (const { up_to_ms, requests } of histogram.toSorted((a, b) => a.up_to_ms - b.up_to_ms)) {
    if (left > requests) {
      left -= requests;
      continue;
    }
    const from = LATENCY_BUCKETS[LATENCY_BUCKETS.indexOf(up_to_ms) - 1] ?? 0;
    return Math.round(from + (up_to_ms - from) * (requests === 0 ? 0 : left / requests));
  }
  return null;
}
