import { describe, expect, it } from 'vitest';
import { SPANS, STEP_MS, spanNamed, spanOf, timesOf } from '../../../api-worker/dashboard/span.ts';

const NOW = Date.UTC(2026, 10, 26, 10, 31);

describe('a span', () => {
  it('of 24 hours is in hours, and ends with the hour that runs', () => {
    const span = spanOf('24h', NOW);
    expect(span).toEqual({ from: Date.UTC(2026, 10, 25, 11), to: Date.UTC(2026, 10, 26, 11), step: 'hour' });
    expect(timesOf(span)).toHaveLength(24);
    expect(timesOf(span).at(-1)).toBe(Date.UTC(2026, 10, 26, 10));
  });

  it('of days is in whole UTC days, today among them', () => {
    const span = spanOf('30d', NOW);
    expect(span).toEqual({ from: Date.UTC(2026, 9, 28), to: Date.UTC(2026, 10, 27), step: 'day' });
    expect(timesOf(span).map((time) => (time - span.from) / STEP_MS.day)).toEqual(
      Array.from({ length: 30 }, (_, n) => n),
    );
    expect([timesOf(spanOf('7d', NOW)).length, timesOf(spanOf('90d', NOW)).length]).toEqual([7, 90]);
  });

  it('that begins with an hour or a day has that', () => {
    expect(spanOf('24h', Date.UTC(2026, 10, 26, 10)).to).toBe(Date.UTC(2026, 10, 26, 11));
    expect(spanOf('7d', Date.UTC(2026, 10, 26)).to).toBe(Date.UTC(2026, 10, 27));
  });

  it.each([
    ['2026-11-26T10:31Z', ['2026-11-01', '2026-11-27'], ['2026-10-01', '2026-11-01']],
    ['2027-01-01T00:00Z', ['2027-01-01', '2027-01-02'], ['2026-12-01', '2027-01-01']],
    ['2028-03-31T23:59Z', ['2028-03-01', '2028-04-01'], ['2028-02-01', '2028-03-01']],
  ])('of a month at %s is a calendar month, UTC', (now, month, before) => {
    const days = (name: 'month' | 'last-month') => {
      const { from, to, step } = spanOf(name, Date.parse(now));
      expect(step).toBe('day');
      return [from, to].map((time) => new Date(time).toISOString().replace('T00:00:00.000Z', ''));
    };
    expect([days('month'), days('last-month')]).toEqual([month, before]);
  });

  it('is known by its name, and by no other', () => {
    expect(SPANS.map(([name]) => spanNamed(name))).toEqual(SPANS.map(([name]) => name));
    expect([null, '', '7', '1d', 'toString'].map(spanNamed)).toEqual([null, null, null, null, null]);
  });
});
