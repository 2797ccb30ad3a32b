import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nanoToUsd, usdToNano } from '../../../shared/money.ts';

/**
 * The nano-dollars of `digits` × 10^`exponent` dollars, half up, another way than the code's: by
 * moving the point in the text.
 */
function nanoByText(digits: string, exponent: number): bigint {
  const power = exponent + 9;
  if (power >= 0) return BigInt(digits + '0'.repeat(power));
  const padded = digits.padStart(-power + 1, '0');
  const whole = BigInt(padded.slice(0, power));
  return padded.at(power) !== undefined && Number(padded.at(power)) >= 5 ? whole + 1n : whole;
}

/** A decimal as its digits and the power of ten that they are multiplied by. */
const decimals = fc.record({
  digits: fc.stringMatching(/^\d{1,16}$/),
  exponent: fc.integer({ min: -20, max: -4 }),
});

/** The same amount as plain digits with a point, as it stands in a price list. */
function plain(digits: string, exponent: number): string {
  const padded = digits.padStart(-exponent + 1, '0');
  return `${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
}

const within = (nano: bigint) => (nano <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(nano) : null);

describe('dollars in nano-dollars', () => {
  it.each([
    ['0.0000000015', 2],
    [0.0000000015, 2],
    ['0.00000000149999999999999999', 1],
    ['0.0000000005', 1],
    ['0.0000000004', 0],
    ['1.875e-05', 18_750],
    [1.875e-5, 18_750],
    ['1.875E-5', 18_750],
    ['2.5e+1', 25_000_000_000],
    ['0', 0],
    [0, 0],
    [-0, 0],
    ['0.00', 0],
    ['3', 3_000_000_000],
    [' 0.15 ', 150_000_000],
    [1.1, 1_100_000_000],
    [0.1 + 0.2, 300_000_000],
    ['9007199.254740991', Number.MAX_SAFE_INTEGER],
    ['1e-300', 0],
  ])('of %j are %d', (usd, nano) => {
    expect(usdToNano(usd)).toBe(nano);
  });

  it.each([
    ...[-1, '-0.01', Number.NaN, Number.POSITIVE_INFINITY, 'NaN', 'Infinity', '', ' ', 'free', '1,5', '.5', '5.', '1e'],
    ...['0x10', '1_000', '+1', '$1', '1e999999999', '1e-999999999', '9'.repeat(1_000), 1e300, '9007199.254740992'],
  ])('of %j are unknown', (usd) => {
    expect(usdToNano(usd)).toBeNull();
  });

  it('are exact for any decimal, rounded once and half up, however it is written', () => {
    fc.assert(
      fc.property(decimals, ({ digits, exponent }) => {
        const nano = within(nanoByText(digits, exponent));
        expect(usdToNano(`${digits}e${exponent}`)).toBe(nano);
        expect(usdToNano(plain(digits, exponent))).toBe(nano);
      }),
      { seed: 1, numRuns: 2_000 },
    );
  });

  it('of a JSON number are those of its shortest decimal', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 9_000, noNaN: true }), (usd) => {
        expect(usdToNano(usd)).toBe(usdToNano(JSON.stringify(usd)));
        expect(Math.abs((usdToNano(usd) ?? Number.NaN) - usd * 1e9)).toBeLessThanOrEqual(0.51);
      }),
      { seed: 2, numRuns: 2_000 },
    );
  });
});

describe('nano-dollars in dollars', () => {
  it.each([
    [0, '0.000000000'],
    [18_750, '0.000018750'],
    [1_000_000_000, '1.000000000'],
    [-1, '-0.000000001'],
    [Number.MAX_SAFE_INTEGER, '9007199.254740991'],
  ])('of %d are %s', (nano, usd) => {
    expect(nanoToUsd(nano)).toBe(usd);
  });

  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (nano) => {
        expect(usdToNano(nanoToUsd(nano))).toBe(nano);
      }),
      { seed: 3, numRuns: 2_000 },
    );
  });
});
