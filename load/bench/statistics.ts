/** The one in the middle; of an even number the mean of two. NaN for none. */
export function median(list: readonly number[]): number {
  const sorted = list.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
}

/** The least value that `percent` of 100 do not pass (nearest rank). NaN for none. */
export function percentile(list: readonly number[], percent: number): number {
  const sorted = list.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN;
}

/** One list by another, pair by pair. */
export function ratios(list: readonly number[], to: readonly number[]): number[] {
  return list.map((value, n) => value / (to[n] ?? Number.NaN));
}

/** With so many digits after the point. */
export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}
