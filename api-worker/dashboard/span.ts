/** A span of time in steps of hours or days, UTC; Unix ms. */
export interface Span {
  /** The first step's beginning. */
  from: number;
  /** The last one's end. */
  to: number;
  step: 'hour' | 'day';
}

export const STEP_MS = { hour: 3_600_000, day: 86_400_000 } as const satisfies Record<Span['step'], number>;

/** The spans that are offered. Bills are of months. */
export const SPANS = [
  ['24h', '24 h'],
  ['7d', '7 days'],
  ['30d', '30 days'],
  ['90d', '90 days'],
  ['month', 'This month'],
  ['last-month', 'Last month'],
] as const;
export type SpanName = (typeof SPANS)[number][0];

/** A span as a place in the dashboard names it; null: as none. */
export function spanNamed(name: string | null): SpanName | null {
  return SPANS.find(([value]) => value === name)?.[0] ?? null;
}

/** A span at a time, Unix ms: up to the end of the hour or the day that runs, or a calendar month. */
export function spanOf(name: SpanName, now: number): Span {
  switch (name) {
    case '24h':
      return last(24, 'hour', now);
    case '7d':
      return last(7, 'day', now);
    case '30d':
      return last(30, 'day', now);
    case '90d':
      return last(90, 'day', now);
    case 'month':
      return { from: monthOf(now, 0), to: endOf('day', now), step: 'day' };
    case 'last-month':
      return { from: monthOf(now, -1), to: monthOf(now, 0), step: 'day' };
  }
}

/** The beginning of each step, Unix ms. */
export function timesOf({ from, to, step }: Span): number[] {
  return Array.from({ length: (to - from) / STEP_MS[step] }, (_, n) => from + n * STEP_MS[step]);
}

function last(steps: number, step: Span['step'], now: number): Span {
  const to = endOf(step, now);
  return { from: to - steps * STEP_MS[step], to, step };
}

/** The end of the step that a time is in. */
function endOf(step: Span['step'], now: number): number {
  return Math.floor(now / STEP_MS[step]) * STEP_MS[step] + STEP_MS[step];
}

/** The beginning of the month that a time is in, or of one so many later. */
function monthOf(now: number, later: number): number {
  const at = new Date(now);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + later);
}
