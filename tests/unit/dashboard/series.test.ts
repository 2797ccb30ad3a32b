import { describe, expect, it } from 'vitest';
import { largestFirst, OTHERS, seriesOf } from '../../../api-worker/dashboard/series.ts';
import type { Span } from '../../../api-worker/dashboard/span.ts';

describe('series', () => {
  const span: Span = { from: Date.UTC(2026, 10, 23), to: Date.UTC(2026, 10, 27), step: 'day' };
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
