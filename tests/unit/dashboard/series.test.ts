import { describe, expect, it } from 'vitest';
import {
  DAY_MS,
  HOUR_MS,
  largestFirst,
  OTHERS,
  seriesOf,
  spanOfDays,
  timesOf,
} from '../../../api-worker/dashboard/series.ts';

const NOW = Date.UTC(2026, 10, 26, 10, 31);

describe('a span of days', () => {
  it('is in hours if it is short, and ends with the hour that runs', () => {
    const span = spanOfDays(1, NOW);
    expect(span).toEqual({ from: Date.UTC(2026, 10, 25, 11), to: Date.UTC(2026, 10, 26, 11), step: 'hour' });
    expect(timesOf(span)).toHaveLength(24);
    expect(timesOf(span).at(-1)).toBe(Date.UTC(2026, 10, 26, 10));
  });

  it('is in whole UTC days if it is long, today among them', () => {
    const span = spanOfDays(30, NOW);
    expect(span).toEqual({ from: Date.UTC(2026, 9, 28), to: Date.UTC(2026, 10, 27), step: 'day' });
    expect(timesOf(span).map((time) => (time - span.from) / DAY_MS)).toEqual(Array.from({ length: 30 }, (_, n) => n));
  });

  it('that begins with an hour has that hour', () => {
    expect(spanOfDays(1, Date.UTC(2026, 10, 26, 10)).to).toBe(Date.UTC(2026, 10, 26, 10) + HOUR_MS);
  });
});

describe('series', () => {
  const span = spanOfDays(4, NOW);
  const rows = [
    { day: '2026-11-23', model: 'a', cost: 5, p95: 100 },
    { day: '2026-11-25', model: 'a', cost: 7, p95: null },
    { day: '2026-11-25', model: 'b', cost: 100, p95: 300 },
    { day: '2026-10-01', model: 'b', cost: 1_000, p95: 900 },
  ];
  const order = largestFirst(rows, 'model', ({ cost }) => cost);
  const cost = (row: { cost: number }) => row.cost;

  it('of amounts are 0 where there is nothing, and leave out what is outside of the span', () => {
    expect(seriesOf(rows, span, { by: 'model', order, label: 'cost', amountOf: cost, absent: 0 })).toEqual([
      { label: 'b', values: [0, 0, 100, 0] },
      { label: 'a', values: [5, 0, 7, 0] },
    ]);
  });

  it('of what has no sum have gaps instead', () => {
    const asked = {
      by: 'model',
      order,
      label: 'p95',
      amountOf: (row: { p95: number | null }) => row.p95,
      absent: null,
    } as const;
    expect(seriesOf(rows, span, asked)).toEqual([
      { label: 'b', values: [null, null, 300, null] },
      { label: 'a', values: [100, null, null, null] },
    ]);
  });

  it('are one where nothing is grouped, also of no rows', () => {
    const [row] = rows;
    const asked = { by: null, order: [], label: 'cost', amountOf: cost, absent: 0 } as const;
    expect(seriesOf(row ? [row] : [], span, asked)).toEqual([{ label: 'cost', values: [5, 0, 0, 0] }]);
    expect(seriesOf([], span, asked)).toEqual([{ label: 'cost', values: [0, 0, 0, 0] }]);
  });

  it.each([
    [6, ['m1', 'm2', 'm3', 'm4', 'm5', 'm6'], 6],
    [7, ['m1', 'm2', 'm3', 'm4', 'm5', OTHERS], 6 + 7],
    [9, ['m1', 'm2', 'm3', 'm4', 'm5', OTHERS], 6 + 7 + 8 + 9],
  ])('of %d groups are six, the smallest together', (number, labels, last) => {
    const many = Array.from({ length: number }, (_, n) => ({ day: '2026-11-25', model: `m${n + 1}`, cost: n + 1 }));
    const names = many.map(({ model }) => model);
    const amounts = seriesOf(many, span, { by: 'model', order: names, label: '', amountOf: cost, absent: 0 });
    expect(amounts.map(({ label }) => label)).toEqual(labels);
    expect(amounts.at(-1)?.values).toEqual([0, 0, last, 0]);
    const others = seriesOf(many, span, { by: 'model', order: names, label: '', amountOf: cost, absent: null });
    expect(others.map(({ label }) => label)).toEqual(names.slice(0, 6));
  });

  it('have the largest group first, of equals by name', () => {
    const groups = [
      { key: 'b', n: 1 },
      { key: 'c', n: 1 },
      { key: 'a', n: 1 },
      { key: 'c', n: 1 },
    ];
    expect(largestFirst(groups, 'key', ({ n }) => n)).toEqual(['c', 'a', 'b']);
  });
});
