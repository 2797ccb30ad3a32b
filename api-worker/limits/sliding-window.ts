export const WINDOW_MS = 60_000;

/** Two adjacent one-minute buckets: all that a sliding window has to remember. */
export interface Window {
  /** Start of the current bucket, Unix ms, a multiple of {@link WINDOW_MS}. */
  startedAt: number;
  /** Requests admitted in the current bucket. */
  current: number;
  /** Requests admitted in the bucket before. */
  previous: number;
}

export interface Verdict {
  admitted: boolean;
  limit: number;
  remaining: number;
  /** Until the window has room for all of `limit` again. */
  resetMs: number;
  /** Until one more request would be admitted; 0 when it was. */
  retryAfterMs: number;
  window: Window;
}

/**
 * Admits a request if fewer than `limit` fell into the last minute. The bucket before counts for the
 * share of it that the last minute still covers, so that a burst across a minute's edge is not
 * allowed twice over.
 */
export function admit(window: Window, limit: number, now: number): Verdict {
  const rolled = roll(window, now);
  const elapsed = now - rolled.startedAt;
  const used = weighted(rolled, elapsed);
  const admitted = used + 1 <= limit;
  const next = admitted ? { ...rolled, current: rolled.current + 1 } : rolled;
  return {
    admitted,
    limit,
    remaining: Math.max(0, Math.floor(limit - weighted(next, elapsed))),
    resetMs: next.current > 0 ? 2 * WINDOW_MS - elapsed : WINDOW_MS - elapsed,
    retryAfterMs: admitted ? 0 : untilRoom(rolled, limit, elapsed),
    window: next,
  };
}

function roll(window: Window, now: number): Window {
  const startedAt = now - (now % WINDOW_MS);
  if (startedAt === window.startedAt) return window;
  const adjacent = startedAt - window.startedAt === WINDOW_MS;
  return { startedAt, current: 0, previous: adjacent ? window.current : 0 };
}

function weighted(window: Window, elapsed: number): number {
  return window.current + window.previous * (1 - elapsed / WINDOW_MS);
}

/** When the weight has fallen to `limit - 1`: within this bucket if the one before is what stands in the way. */
function untilRoom(window: Window, limit: number, elapsed: number): number {
  if (limit < 1) return WINDOW_MS;
  const free = limit - 1 - window.current;
  if (free >= 0) return Math.ceil(WINDOW_MS * (1 - free / window.previous)) - elapsed;
  return WINDOW_MS - elapsed + Math.ceil(WINDOW_MS * (1 - (limit - 1) / window.current));
}
