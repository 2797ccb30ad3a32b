export const DAY_MS = 86_400_000;

/** The start of a time's UTC day, Unix ms. */
export function dayOf(time: number): number {
  return time - (time % DAY_MS);
}

/** The UTC day or month that a time is in, Unix ms; `to` is excluded. */
export function periodOf(period: 'day' | 'month', time: number): { from: number; to: number } {
  if (period === 'day') return { from: dayOf(time), to: dayOf(time) + DAY_MS };
  const date = new Date(time);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return { from: Date.UTC(year, month), to: Date.UTC(year, month + 1) };
}
