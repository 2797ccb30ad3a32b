import { describe, expect, it } from 'vitest';
import { restSeconds } from '../../../consumer-worker/give-back.ts';

describe('the rest of a message given back', () => {
  it('doubles with each delivery up to a quarter of an hour', () => {
    const rests = Array.from({ length: 12 }, (_, n) => restSeconds(n + 1, () => 0));
    expect(rests).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
  });

  it('is shortened by chance by at most a quarter, and is whole seconds, never none', () => {
    expect(restSeconds(5, () => 0.5)).toBe(28);
    expect(restSeconds(5, () => 1)).toBe(24);
    expect(restSeconds(1, () => 1)).toBe(2);
  });

  it('stays finite for any number of deliveries', () => {
    expect(restSeconds(1e6, () => 0)).toBe(900);
    expect(restSeconds(0, () => 0)).toBe(1);
  });
});
