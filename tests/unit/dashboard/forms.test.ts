import { describe, expect, it } from 'vitest';
import { accountChange, keyChange } from '../../../api-worker/dashboard/changes.ts';
import { DOLLARS, parseDollars, typedDollars } from '../../../api-worker/dashboard/dollars.ts';
import { localTime, secondsOf } from '../../../api-worker/dashboard/form.ts';
import { idBefore } from '../../../api-worker/dashboard/id-search.ts';
import type { KeyGrant } from '../../../api-worker/dashboard/types-admin.ts';

describe('dollars that are typed', () => {
  it.each([
    ['0', 0],
    ['12.50', 12_500_000_000],
    [' $12.5 ', 12_500_000_000],
    ['0.000000001', 1],
    ['0.1', 100_000_000],
    // As products of doubles these would be 1.1 and 4.35 with something behind.
    ['1.1', 1_100_000_000],
    ['4.35', 4_350_000_000],
    ['1234567.890123457', 1_234_567_890_123_457],
    ['9007199.254740991', Number.MAX_SAFE_INTEGER],
  ])('as “%s” are %d nano-dollars, exactly', (text, nano) => {
    expect(parseDollars(text)).toBe(nano);
    expect(parseDollars(typedDollars(nano))).toBe(nano);
  });

  it.each(['', ' ', '-1', '1,000', '1,5', '1.', '.5', '1e3', '0.0000000001', '9007199.254740992', 'ten', '$', '1 2'])(
    'as “%s” are none',
    (text) => expect(parseDollars(text)).toBeNull(),
  );

  it('are held against the same pattern by the field', () => {
    // As browsers compile it: https://html.spec.whatwg.org/multipage/input.html#compiled-pattern-regular-expression
    const pattern = new RegExp(`^(?:${DOLLARS})$`, 'v');
    expect(['12.50', '$1', '1,000', '-1'].map((text) => pattern.test(text))).toEqual([true, true, false, false]);
  });

  it.each([
    [0, '0'],
    [100_000_000_000, '100'],
    [12_500_000_000, '12.5'],
    [1, '0.000000001'],
  ])('of %d nano-dollars stand as %s', (nano, text) => expect(typedDollars(nano)).toBe(text));
});

describe('what is changed of an account', () => {
  const limits = {
    requests_per_minute: 60,
    tokens_per_minute: null,
    concurrent_requests: null,
    requests_per_month: null,
    tokens_per_month: null,
    budget_day_nano_usd: 5,
    budget_month_nano_usd: null,
  };
  const before = { name: 'Ada', tier: 'standard', is_active: true, limits };

  it('is nothing where nothing is different', () =>
    expect(accountChange(before, { ...before, limits: { ...limits } })).toEqual({}));

  it('is what is different alone, and a limit that is taken away is null', () => {
    const after = {
      ...{ name: 'Ada', tier: 'free', is_active: false },
      limits: { ...limits, requests_per_minute: null, budget_day_nano_usd: 0 },
    };
    expect(accountChange(before, after)).toEqual({
      tier: 'free',
      is_active: false,
      limits: { requests_per_minute: null, budget_day_nano_usd: 0 },
    });
  });
});

describe('what is changed of a key', () => {
  const before: KeyGrant = {
    ...{ name: 'laptop', permissions: ['admin', 'read'], rate_limit: null, tier: null },
    ...{ resume: false, privacy: true, expires_at: 4_073_673_625 },
  };

  it('is nothing where nothing is different, in whatever order', () =>
    expect(keyChange(before, { ...before, permissions: ['read', 'admin'] })).toEqual({}));

  it('is what is different alone', () =>
    expect(keyChange(before, { ...before, permissions: ['read'], rate_limit: 0, expires_at: null })).toEqual({
      permissions: ['read'],
      rate_limit: 0,
      expires_at: null,
    }));
});

it('a time in a field is the same second, to the minute, when it is read again', () => {
  const seconds = Date.UTC(2099, 0, 31, 12, 30) / 1_000;
  const form = new FormData();
  form.set('at', localTime(seconds));
  expect([secondsOf(form, 'at'), localTime(null), secondsOf(form, 'none')]).toEqual([seconds, '', null]);
});

describe('the place from which ids are looked for', () => {
  const ids = ['Ada', 'ad', 'ad+', 'ada', 'ada.b', 'adam', 'adb', 'b', '~'].toSorted();

  it.each(['a', 'ad', 'ada', 'adam', 'b', 'A', 'x'])('is before all that begin with %s', (beginning) => {
    const after = idBefore(beginning) ?? '';
    const found = ids.filter((id) => id.startsWith(beginning));
    const read = ids.filter((id) => id > after);
    expect(read.slice(0, found.length)).toEqual(found);
  });

  it('is the beginning where nothing is looked for', () => expect(idBefore('')).toBeNull());
});
