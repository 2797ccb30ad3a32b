import { describe, expect, it } from 'vitest';
import {
  count,
  duration,
  exactUsd,
  perMillion,
  several,
  share,
  short,
  shortUsd,
  usd,
  utcTime,
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
    ['-0.500000000', '−$0.50'],
  ])('that the API writes as %s are %s', (written, text) => expect(writtenUsd(written)).toBe(text));
});

it.each([
  [0, '$0.00'],
  [999_990_000_000, '$999.99'],
  [12_500_000_000_000, '$12.5K'],
  [-2_000_000_000_000_000, '−$2M'],
])('an axis says of %d nano-dollars %s', (nano, text) => expect(shortUsd(nano)).toBe(text));

it.each([
  ['0.00000025', '$0.25'],
  ['0.0000000000335', '$0.0000335'],
  ['3.35e-11', '$0.0000335'],
  ['0', '$0.00'],
  ['-1', '–'],
  [null, '–'],
  [undefined, '–'],
])('a price of %s a token is %s a million', (price, text) => expect(perMillion(price)).toBe(text));

it('a share is none, or all, only where it is exactly that', () => {
  expect([
    share(0, 9),
    share(1, 10_000),
    share(1, 1_000),
    share(9_999, 10_000),
    share(9, 9),
    share(-1, 2),
    share(-1, 1e6),
  ]).toEqual([...['0%', '<0.1%', '0.1%', '>99.9%', '100%', '-50%', '0%']]);
});

it('a time in UTC says so', () => expect(utcTime('2026-11-25T23:59:59.999Z')).toBe('25 Nov 2026, 23:59 UTC'));

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
