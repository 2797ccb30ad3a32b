import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { sha256Hex, uuidv5, uuidv7 } from '../../../shared/ids.ts';

const times = fc.integer({ min: 0, max: 2 ** 48 - 1 });

/** The Unix milliseconds in a UUIDv7: its first 48 bits. */
function millisecondsOf(id: string): number {
  return Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
}

describe('a request id', () => {
  it('is a valid UUIDv7 that holds its milliseconds, at any time', () => {
    fc.assert(
      fc.property(times, (now) => {
        const id = uuidv7(now);
        expect(z.uuidv7().safeParse(id).success).toBe(true);
        expect(id).toBe(id.toLowerCase());
        expect(millisecondsOf(id)).toBe(now);
      }),
      { seed: 1, numRuns: 1_000 },
    );
  });

  it('sorts as text by the time it was made', () => {
    fc.assert(
      fc.property(times, times, (a, b) => {
        fc.pre(a !== b);
        expect(uuidv7(a) < uuidv7(b)).toBe(a < b);
      }),
      { seed: 2, numRuns: 1_000 },
    );
  });

  it('is new each time within a millisecond', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => uuidv7(1))).size).toBe(10_000);
  });

  it('is of now unless told otherwise', () => {
    const before = Date.now();
    const made = millisecondsOf(uuidv7());
    expect(made).toBeGreaterThanOrEqual(before);
    expect(made).toBeLessThanOrEqual(Date.now());
  });
});

describe('the hash of a key', () => {
  it('is SHA-256 in lower-case hexadecimal (FIPS 180-2, B.1)', async () => {
    expect(await sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('is taken of UTF-8 bytes', async () => {
    expect(await sha256Hex('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(await sha256Hex('é')).not.toBe(await sha256Hex('e\u0301'));
  });
});

describe('an id that is derived', () => {
  it('is the UUIDv5 of its name in its namespace', async () => {
    // RFC 9562, appendix A.4.
    expect(await uuidv5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com')).toBe(
      '2ed6657d-e927-568b-95e1-2665a8aea6a2',
    );
  });

  it('is another one for another name or namespace', async () => {
    const [one, other] = [uuidv7(1), uuidv7(1)];
    const ids = await Promise.all([uuidv5(one, 'a'), uuidv5(one, 'b'), uuidv5(other, 'a'), uuidv5(one, 'a')]);
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(z.uuid({ version: 'v5' }).safeParse(id).success).toBe(true);
  });
});
