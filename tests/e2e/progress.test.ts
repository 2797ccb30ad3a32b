import { afterEach, describe, expect, it, vi } from 'vitest';
import { bar, progress, progressLine } from '../../scripts/progress.ts';

/** A stream that keeps what is written to it. */
function stream(isTTY: boolean) {
  const written: string[] = [];
  return { written, isTTY, write: (text: string) => written.push(text) > 0 };
}

afterEach(() => vi.useRealTimers());

describe('progress', () => {
  it('is a line for each tenth that is done where there is no terminal', () => {
    const to = stream(false);
    const shown = progress('replay', 250, to);
    shown.advance(100);
    shown.advance(150);
    shown.end();
    expect(to.written).toEqual([
      expect.stringMatching(/^replay 100 of 250, 40 %, \d+\/s, \d+ s left\n$/),
      expect.stringMatching(/^replay 250 of 250, 100 %, \d+\/s\n$/),
    ]);
  });

  it('is no more than ten lines where there is no terminal, however small the steps, unless it takes long', () => {
    vi.useFakeTimers();
    const to = stream(false);
    const shown = progress('requests', 5_000, to);
    for (let n = 0; n < 5_000; n += 1) shown.advance(1);
    expect(to.written).toHaveLength(10);
    expect(to.written.at(0)).toMatch(/^requests 500 of 5000, 10 %, /);
    expect(to.written.at(-1)).toMatch(/^requests 5000 of 5000, 100 %, /);
  });

  it('is a line every ten seconds where a tenth takes longer', () => {
    vi.useFakeTimers();
    const to = stream(false);
    const shown = progress('requests', 1_000, to);
    for (let n = 0; n < 90; n += 1) {
      vi.advanceTimersByTime(1_000);
      shown.advance(1);
    }
    expect(to.written).toHaveLength(9);
    expect(to.written.at(0)).toBe('requests 10 of 1000, 1 %, 1.0/s, 16 min 30 s left\n');
  });

  it('is one bar that grows on a terminal, and is gone at the end', () => {
    const to = stream(true);
    const shown = progress('replay', 200, to);
    shown.advance(100);
    shown.end();
    expect(to.written).toEqual([expect.stringMatching(/^\r\S+ \[#{15}-{15}\] 100 of 200, 50 %, .*\S+$/s), '\r\x1b[K']);
  });

  it('tells the rate, and the time left by it', () => {
    expect(progressLine(300, 1200, 3_000)).toBe('300 of 1200, 25 %, 100/s, 9 s left');
    expect(progressLine(100, 10_000, 100_000)).toBe('100 of 10000, 1 %, 1.0/s, 2 h 45 min left');
    expect(progressLine(60, 180, 60_000)).toBe('60 of 180, 33 %, 1.0/s, 2 min 0 s left');
    expect(progressLine(0, 10, 500)).toBe('0 of 10, 0 %, 0.0/s');
  });

  it('is all only when all is done, and no more than all', () => {
    expect(progressLine(1999, 2000, 1_000)).toContain('99 %');
    expect(progressLine(12, 10, 1_000)).toBe('12 of 12, 100 %, 12/s');
    expect(bar(12, 10)).toBe(`[${'#'.repeat(30)}]`);
    expect(bar(0, 0)).toBe(`[${'#'.repeat(30)}]`);
  });
});
