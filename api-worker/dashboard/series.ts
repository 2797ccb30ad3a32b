import { type Span, timesOf } from './span.ts';
import type { Group, Grouped } from './types.ts';

/** So many groups have a series of their own. */
const SHOWN = 6;
export const OTHERS = 'others';

/** Values over time, one for each of the times; null: there is none. */
export interface Series {
  label: string;
  values: (number | null)[];
}

/**
 * Rows of the API as series over a span: one for each of the largest groups, the sum of the others as one more.
 *
 * @param by what the rows are grouped by besides time; null: nothing, one series named `label`.
 * @param order the groups, the largest first, see {@link largestFirst}: the same for plots that are to be compared.
 * @param absent the value of a step without rows: 0 for amounts, null for what cannot be said of nothing.
 */
export function seriesOf<Row extends Grouped>(
  rows: readonly Row[],
  span: Span,
  {
    by,
    order,
    label,
    amountOf,
    absent,
  }: {
    by: Group | null;
    order: readonly string[];
    label: string;
    amountOf: (row: Row) => number | null;
    absent: 0 | null;
  },
): Series[] {
  const times = timesOf(span);
  const place = new Map(times.map((time, n) => [time, n]));
  // Percentiles of several groups have no sum: the smaller ones are left out.
  const shown = order.length > SHOWN && absent === 0 ? order.slice(0, SHOWN - 1) : order.slice(0, SHOWN);
  const names = by ? shown : [label];
  const series = new Map(names.map((name) => [name, { label: name, values: times.map((): number | null => absent) }]));
  for (const row of rows) {
    const at = place.get(Date.parse(row[span.step] ?? ''));
    const name = by ? (row[by] ?? '') : label;
    if (at === undefined || (!series.has(name) && absent === null)) continue;
    const own = series.get(name) ?? others(series, times.length);
    const value = amountOf(row);
    own.values[at] = absent === 0 ? (own.values[at] ?? 0) + (value ?? 0) : value;
  }
  return [...series.values()];
}

function others(series: Map<string, Series>, length: number): Series {
  const present = series.get(OTHERS);
  if (present) return present;
  const made = { label: OTHERS, values: Array.from({ length }, (): number | null => 0) };
  series.set(OTHERS, made);
  return made;
}

/** The names of the groups of rows, the one that weighs most first. */
export function largestFirst<Row extends Grouped>(
  rows: readonly Row[],
  by: Group,
  weight: (row: Row) => number,
): string[] {
  const weights = new Map<string, number>();
  for (const row of rows) weights.set(row[by] ?? '', (weights.get(row[by] ?? '') ?? 0) + weight(row));
  return [...weights].sort(([a, x], [b, y]) => y - x || a.localeCompare(b)).map(([name]) => name);
}
