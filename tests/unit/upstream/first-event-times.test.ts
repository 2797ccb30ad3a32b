import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addFirstEventTime, timesKey, usualFirstEventTime } from '../../../api-worker/upstream/first-event-times.ts';

let keys = 0;
/** A key that no other test has. */
function newKey(): string {
  keys += 1;
  return timesKey(`a/model-${keys}`, true);
}

/** The usual time after these. */
function usualAfter(times: readonly number[], key = newKey()): number | null {
  for (const ms of times) addFirstEventTime(key, ms);
  return usualFirstEventTime(key);
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n + 1);

describe('the usual time of a first event', () => {
  it('is not known from too few, or from none', () => {
    expect(usualAfter([])).toBeNull();
    expect(usualAfter(upTo(19))).toBeNull();
    expect(usualAfter(upTo(20))).not.toBeNull();
  });

  it('is the one by which 95 of 100 come, in whichever order they came', () => {
    expect(usualAfter(upTo(20))).toBe(19);
    expect(usualAfter(upTo(20).toReversed())).toBe(19);
    expect(usualAfter(upTo(40))).toBe(38);
    expect(usualAfter([9, 100, ...Array(18).fill(10)])).toBe(10);
  });

  it('is the shortest of the known times that leaves no more than a twentieth above it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 100_000 }), { minLength: 20, maxLength: 50 }), (times) => {
        const usual = usualAfter(times) ?? Number.NaN;
        const share = (within: (ms: number) => boolean) => times.filter(within).length / times.length;
        expect(times).toContain(usual);
        expect(share((ms) => ms <= usual)).toBeGreaterThanOrEqual(0.95);
        expect(share((ms) => ms < usual)).toBeLessThan(0.95);
      }),
      { seed: 1 },
    );
  });

  it('is of the last 50', () => {
    expect(usualAfter([...Array(50).fill(90_000), ...upTo(50)])).toBe(48);
  });

  it('is of streams or of whole answers', () => {
    expect(timesKey('a/b', true)).not.toBe(timesKey('a/b', false));
    usualAfter(upTo(20), timesKey('a/kind', true));
    expect(usualFirstEventTime(timesKey('a/kind', false))).toBeNull();
  });

  it('is forgotten for the model that was least recently heard of, beyond a thousand', () => {
    const [old, used] = [newKey(), newKey()];
    usualAfter(upTo(20), old);
    usualAfter(upTo(20), used);
    for (let n = 0; n < 998; n += 1) addFirstEventTime(newKey(), 1);
    expect(usualFirstEventTime(old)).toBe(19);
    addFirstEventTime(used, 19);
    addFirstEventTime(newKey(), 1);
    expect(usualFirstEventTime(old)).toBeNull();
    for (let n = 0; n < 998; n += 1) addFirstEventTime(newKey(), 1);
    expect(usualFirstEventTime(used)).toBe(19);
  });
});
