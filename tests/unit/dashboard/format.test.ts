import { describe, expect, it } from 'vitest';
import {
  count,
  duration,
  exactUsd,
  several,
  share,
  short,
  usd,
  writtenUsd,
} from '../../../api-worker/dashboard/format.ts';

describe('dollars', () => {
  it.each([
    [0, '$0.00'],
    [1, '$0.000000001'],
    [1_234, '$0.0000012'],
    [99_000_000, '$0.099'],
    [994_000_000, '$0.99'],
    [1_000_000_000, '$1.00'],
    [1_234_567_890_000, '$1,234.57'],
    [-5, '−$0.000000005'],
    [null, 'unknown'],
  ])('of %s nano-dollars are %s at a glance', (nano, text) => expect(usd(nano)).toBe(text));

  it.each([
    [0, '$0.00'],
    [1, '$0.000000001'],
    [1_500, '$0.0000015'],
    [1_000_000_000, '$1.00'],
    [1_230_000_000, '$1.23'],
    [1_234_567_890_123_457, '$1,234,567.890123457'],
    [9_007_199_254_740_991, '$9,007,199.254740991'],
    [-1_234_567_890, '−$1.23456789'],
    [null, 'unknown'],
  ])('of %s nano-dollars are exactly %s', (nano, text) => expect(exactUsd(nano)).toBe(text));

  it.each([
    ['0.000000000', '$0.00'],
    ['1234.500000000', '$1,234.50'],
    ['0.000018750', '$0.00001875'],
    ['9007199.254740991', '$9,007,199.254740991'],
  ])('that the API writes as %s are %s', (written, text) => expect(writtenUsd(written)).toBe(text));
});

it('numbers are those of English, and of nothing no share is told', () => {
  expect([count(1_234_567), count(null), short(1_234_567), share(1, 3), share(0, 0)]).toEqual([
    ...['1,234,567', 'unknown', '1.2M', '33.3%', '–'],
  ]);
  expect([several(0, 'letter'), several(1, 'letter'), several(1_000, 'letter')]).toEqual([
    ...['0 letters', '1 letter', '1,000 letters'],
  ]);
});

it('times that something took are told as short as they may be', () => {
  expect([null, 0, 999.4, 1_000, 9_994, 15_555].map(duration)).toEqual([
    ...['–', '0 ms', '999 ms', '1.00 s', '9.99 s', '15.6 s'],
  ]);
});
