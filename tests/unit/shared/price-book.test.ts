import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Priceable, type PriceRow, priceBook, priceOf } from '../../../shared/price-book.ts';

const AT = Date.UTC(2026, 10, 24, 10, 30);

/** A row of the price book; nothing has a price but prompt and completion. */
function row(change: Partial<PriceRow> = {}): PriceRow {
  return {
    model: 'a/model',
    valid_from: 0,
    canonical_slug: 'a/model-2026-01-01',
    prompt: '0.000001',
    completion: '0.000002',
    input_cache_read: null,
    input_cache_write: null,
    internal_reasoning: null,
    image: null,
    request: null,
    overrides: null,
    ...change,
  };
}

/** An attempt of 1,000 tokens to and 100 from a model. */
function attempt(change: Partial<Priceable> = {}): Priceable {
  return {
    model: 'a/model',
    input_tokens: 1_000,
    output_tokens: 100,
    cached_tokens: null,
    cache_write_tokens: null,
    reasoning_tokens: null,
    images: 0,
    ...change,
  };
}

const cost = (rows: readonly PriceRow[], change: Partial<Priceable> = {}, at = AT) =>
  priceOf(priceBook(rows), attempt(change), at);

describe('the price of an attempt', () => {
  it.each<[string, Partial<PriceRow>, Partial<Priceable>, number | null]>([
    ['is that of its tokens', {}, {}, 1_200_000],
    ['takes cached ones at their price', { input_cache_read: '0.0000001' }, { cached_tokens: 400 }, 840_000],
    ['takes cached ones as others where they have none', {}, { cached_tokens: 400 }, 1_200_000],
    [
      'takes those written to a cache at theirs',
      { input_cache_write: '0.00000125' },
      { cache_write_tokens: 8 },
      1_202_000,
    ],
    ['takes those written as others where they have none', {}, { cache_write_tokens: 8 }, 1_200_000],
    ['takes reasoning at its price', { internal_reasoning: '0.000003' }, { reasoning_tokens: 60 }, 1_260_000],
    ['takes reasoning as the answer where it has none', {}, { reasoning_tokens: 60 }, 1_200_000],
    [
      'takes reasoning as the answer where its price is 0',
      { internal_reasoning: '0' },
      { reasoning_tokens: 60 },
      1_200_000,
    ],
    ['adds images', { image: '0.001' }, { images: 3 }, 4_200_000],
    ['adds nothing for images without a price', {}, { images: 3 }, 1_200_000],
    ['adds the request', { request: '0.005' }, {}, 6_200_000],
    [
      'is never less for more cached tokens than there are',
      {},
      { cached_tokens: 900, cache_write_tokens: 200 },
      1_300_000,
    ],
    ['is never less for more reasoning than there is', {}, { reasoning_tokens: 101 }, 1_202_000],
    [
      'is nothing for what no token came of',
      { request: '0.005', image: '1' },
      { input_tokens: 0, output_tokens: 0, images: 1 },
      0,
    ],
    ['is nothing where nothing costs anything', { prompt: '0', completion: '0' }, {}, 0],
    ['needs no count of what costs nothing', { completion: '0' }, { output_tokens: null }, 1_000_000],
    ['needs no price of what there is none of', { completion: null }, { output_tokens: 0 }, 1_000_000],
    ['is not known without the prompt’s tokens', {}, { input_tokens: null }, null],
    ['is not known without the answer’s tokens', {}, { output_tokens: null }, null],
    ['is not known without the prompt’s price', { prompt: null }, {}, null],
    ['is not known of a router', { prompt: '-1', completion: '-1' }, {}, null],
    ['is not known where a price cannot be read', { completion: 'free' }, {}, null],
    ['is not known where the price of its images cannot be read', { image: 'NaN' }, { images: 1 }, null],
    ['is not known of another model', {}, { model: 'b/model' }, null],
    ['is not known where it is no exact number', { prompt: '1e300' }, {}, null],
  ])('%s', (_, prices, change, expected) => {
    expect(cost([row(prices)], change)).toBe(expected);
  });

  it.each<[string, number, number]>([
    // 1,000 of them are 33.5 nano-dollars: one rounding, half up.
    ['0.0000000000335', 1_000, 34],
    ['3.35e-11', 1_000, 34],
    ['3.35E-11', 999, 33],
    ['0.0000000000005', 1_000, 1],
    ['0.0000000000004999', 1_000, 0],
    ['0.000000000000000000000001', 2_000_000, 0],
    ['2e1', 3, 60_000_000_000],
  ])('at %s a token is exact: %d of them', (prompt, input_tokens, expected) => {
    expect(cost([row({ prompt, completion: '0' })], { input_tokens })).toBe(expected);
  });

  it('rounds the sum, not what it is made of', () => {
    const third = '0.0000000004';
    expect(cost([row({ prompt: third, completion: third })], { input_tokens: 1, output_tokens: 1 })).toBe(1);
  });

  it('is exact for any prices and tokens', () => {
    const decimal = fc.record({ digits: fc.stringMatching(/^\d{1,8}$/), zeros: fc.integer({ min: 0, max: 16 }) });
    const count = fc.integer({ min: 0, max: 2_000_000 });
    fc.assert(
      fc.property(
        fc.record({
          prompt: decimal,
          completion: decimal,
          read: decimal,
          write: decimal,
          image: decimal,
          request: decimal,
        }),
        fc.record({ fresh: count, cached: count, written: count, answer: count, images: fc.nat({ max: 9 }) }),
        fc.boolean(),
        (prices, counts, exponents) => {
          const text = ({ digits, zeros }: { digits: string; zeros: number }) =>
            exponents ? `${digits}e-${zeros + digits.length}` : `0.${'0'.repeat(zeros)}${digits}`;
          const { fresh, cached, written, answer, images } = counts;
          fc.pre(fresh + cached + written + answer > 0);
          // In units of 1e-24 dollars, which every price here is a whole number of.
          const unit = ({ digits, zeros }: { digits: string; zeros: number }) => BigInt(digits.padEnd(24 - zeros, '0'));
          const units =
            unit(prices.prompt) * BigInt(fresh) +
            unit(prices.read) * BigInt(cached) +
            unit(prices.write) * BigInt(written) +
            unit(prices.completion) * BigInt(answer) +
            unit(prices.image) * BigInt(images) +
            unit(prices.request);
          const [whole, rest] = [units / 10n ** 15n, units % 10n ** 15n];
          const nano = whole + (rest >= 5n * 10n ** 14n ? 1n : 0n);
          expect(
            cost(
              [
                row({
                  prompt: text(prices.prompt),
                  completion: text(prices.completion),
                  input_cache_read: text(prices.read),
                  input_cache_write: text(prices.write),
                  image: text(prices.image),
                  request: text(prices.request),
                }),
              ],
              {
                input_tokens: fresh + cached + written,
                output_tokens: answer,
                cached_tokens: cached,
                cache_write_tokens: written,
                images,
              },
            ),
          ).toBe(nano <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(nano) : null);
        },
      ),
      { seed: 1, numRuns: 2_000 },
    );
  });
});

describe('the price of a time', () => {
  const [old, dear] = [row(), row({ valid_from: AT, prompt: '0.00001' })];

  it.each([
    ['before the second began', AT - 1, 1_200_000],
    ['when it begins', AT, 10_200_000],
    ['long after', Date.UTC(2250, 0), 10_200_000],
    ['at the beginning of time', 0, 1_200_000],
  ])('%s', (_, at, expected) => {
    for (const rows of [
      [old, dear],
      [dear, old],
    ])
      expect(cost(rows, {}, at)).toBe(expected);
  });

  it('is not known before the first', () => {
    expect(cost([row({ valid_from: AT })], {}, AT - 1)).toBeNull();
  });
});

describe('a model', () => {
  const paid = row();
  const free = row({ model: 'a/model:free', prompt: '0', completion: '0' });

  it.each([
    ['a/model', [paid, free], 1_200_000],
    ['a/model-2026-01-01', [paid, free], 1_200_000],
    ['a/model-2026-01-01', [free, paid], 1_200_000],
    ['a/model:online', [paid, free], 1_200_000],
    ['a/model-2026-01-01:online', [paid], 1_200_000],
    ['a/model:free', [paid, free], 0],
    ['a/model:free', [paid], 1_200_000],
    ['a/model-2026', [paid], null],
  ])('called %s', (model, rows, expected) => {
    expect(cost(rows, { model })).toBe(expected);
  });

  it('that is listed under what is another’s dated name has its own price', () => {
    const dated = row({ model: 'a/model-2026-01-01', prompt: '0.00001' });
    expect(cost([dated, paid], { model: 'a/model-2026-01-01' })).toBe(10_200_000);
  });

  it('that answers under a new dated name is known by the old one, and by either for all its time', () => {
    const renamed = row({ canonical_slug: 'a/model-2026-11-24', valid_from: AT, prompt: '0.00001' });
    for (const model of ['a/model-2026-01-01', 'a/model-2026-11-24']) {
      expect(cost([paid, renamed], { model }, AT - 1)).toBe(1_200_000);
      expect(cost([paid, renamed], { model }, AT)).toBe(10_200_000);
    }
  });

  it('goes by the prices that an operator set, under its dated name too', () => {
    const set = row({ canonical_slug: null, valid_from: AT, prompt: '0.00001' });
    expect(cost([paid, set], { model: 'a/model-2026-01-01' })).toBe(10_200_000);
  });
});

describe('overrides', () => {
  const dear = { prompt: '0.00001' };
  const over = (overrides: unknown, change: Partial<Priceable> = {}, at = AT) =>
    cost([row({ overrides: JSON.stringify(overrides) })], change, at);

  it.each<[string, unknown, number | null]>([
    ['apply above their number of tokens', [{ min_prompt_tokens: 999, ...dear }], 10_200_000],
    ['do not apply at it', [{ min_prompt_tokens: 1_000, ...dear }], 1_200_000],
    ['apply without a condition', [dear], 10_200_000],
    ['leave what they do not name', [{ completion: '0' }], 1_000_000],
    ['win where they are later', [dear, { prompt: '0.000005', completion: '0' }], 5_000_000],
    ['win for what they name only', [{ ...dear, completion: '0' }, { prompt: '0.000005' }], 5_000_000],
    ['do not win if they do not apply', [dear, { min_prompt_tokens: 1_000, prompt: '0' }], 10_200_000],
    ['do not apply under an unknown condition', [{ min_output_tokens: 1, ...dear }], 1_200_000],
    ['apply with other prices in them', [{ input_cache_write_1h: '9', ...dear }], 10_200_000],
    ['do not apply where they cannot be read', [{ min_prompt_tokens: 'many', ...dear }, 'x', null], 1_200_000],
    ['may leave a model without a price', [{ prompt: '-1' }], null],
    ['are a list', { ...dear }, 1_200_000],
    ['apply from their time on', [{ utc_start: 1030, utc_end: 1100, ...dear }], 10_200_000],
    ['do not apply any more when it ends', [{ utc_start: 900, utc_end: 1030, ...dear }], 1_200_000],
    ['may go over midnight', [{ utc_start: 2300, utc_end: 1031, ...dear }], 10_200_000],
    ['may have ended after midnight', [{ utc_start: 2300, utc_end: 1030, ...dear }], 1_200_000],
    ['may begin and never end', [{ utc_start: 1029, ...dear }], 10_200_000],
    ['may be of a day (it is a Tuesday)', [{ utc_days: ['monday', 'tuesday'], ...dear }], 10_200_000],
    ['may be of other days', [{ utc_days: ['monday'], ...dear }], 1_200_000],
    ['need all their conditions', [{ utc_days: ['tuesday'], min_prompt_tokens: 1_000, ...dear }], 1_200_000],
  ])('%s', (_, overrides, expected) => {
    expect(over(overrides)).toBe(expected);
  });

  it('that depend on tokens that are not known leave the price unknown', () => {
    expect(over([{ min_prompt_tokens: 5, prompt: '0' }], { input_tokens: null })).toBeNull();
    expect(over([{ prompt: '0' }], { input_tokens: null })).toBe(200_000);
  });
});
