export const WINDOW_MS = 60_000;

/**
 * Two adjacent one-minute buckets: all that a sliding window has to remember. The bucket before
 * counts for the share of it that the last minute still covers, so that a burst across a minute's
 * edge is not allowed twice over.
 */
export interface Window {
  /** Start of the current bucket, Unix ms, a multiple of {@link WINDOW_MS}. */
  startedAt: number;
  /** Requests, or tokens, in the current bucket. */
  current: number;
  /** The same of the bucket before. */
  previous: number;
}

export const EMPTY_WINDOW: Window = { startedAt: 0, current: 0, previous: 0 };

/** What a window holds of the minute before `now`, weighted. */
export function used(window: Window, now: number): number {
  const { startedAt, current, previous } = roll(window, now);
  return current + previous * (1 - (now - startedAt) / WINDOW_MS);
}

/** The window with an amount added at `now`. */
export function add(window: Window, amount: number, now: number): Window {
  const rolled = roll(window, now);
  return { ...rolled, current: rolled.current + amount };
}

/**
 * The window with an amount that was added at `addedAt` amended by `difference`. What turned out to be
 * less is taken from the bucket that it was added to, if that still counts; what turned out to be more
 * counts from now on.
 */
export function amend(window: Window, difference: number, addedAt: number, now: number): Window {
  if (difference >= 0) return add(window, difference, now);
  const rolled = roll(window, now);
  const age = rolled.startedAt - bucketOf(addedAt);
  if (age <= 0) return { ...rolled, current: Math.max(0, rolled.current + difference) };
  if (age === WINDOW_MS) return { ...rolled, previous: Math.max(0, rolled.previous + difference) };
  return rolled;
}

/** From `now` until the window has room for `amount` under `limit`, ms: 0 for at once, Infinity for never. */
export function untilRoom(window: Window, amount: number, limit: number, now: number): number {
  if (used(window, now) + amount <= limit) return 0;
  const free = limit - amount;
  if (free < 0) return Number.POSITIVE_INFINITY;
  const { startedAt, current, previous } = roll(window, now);
  const elapsed = now - startedAt;
  if (current <= free) return Math.ceil(WINDOW_MS * (1 - (free - current) / previous)) - elapsed;
  return WINDOW_MS - elapsed + Math.ceil(WINDOW_MS * (1 - free / current));
}

/** From `now` until nothing that the window holds counts any more, ms. */
export function untilEmpty(window: Window, now: number): number {
  const { startedAt, current, previous } = roll(window, now);
  const elapsed = now - startedAt;
  if (current > 0) return 2 * WINDOW_MS - elapsed;
  return previous > 0 ? WINDOW_MS - elapsed : 0;
}

function roll(window: Window, now: number): Window {
  const startedAt = bucketOf(now);
  // A clock that steps back must not empty the window.
  if (startedAt <= window.startedAt) return window;
  const adjacent = startedAt - window.startedAt === WINDOW_MS;
  return { startedAt, current: 0, previous: adjacent ? window.current : 0 };
}

function bucketOf(time: number): number {
  return time - (time % WINDOW_MS);
}
