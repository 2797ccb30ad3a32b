import { type Decimal, parseDecimal, roundToNano, sumOfProducts } from './money.ts';
import { overriddenPrices, PRICE_CLASSES, type Prices } from './price-overrides.ts';
import type { UnpricedAttempt } from './usage-event.ts';

/** Some models' prices over time, as far as `model_prices` has them. */
export interface PriceBook {
  /** A model's rows, the oldest first, by every name that it goes by. */
  readonly rows: ReadonlyMap<string, readonly PriceRow[]>;
}

/** A row of `model_prices`. */
export type PriceRow = Prices & {
  model: string;
  valid_from: number;
  canonical_slug: string | null;
  overrides: string | null;
};

/** One in which nothing has a price. */
export const NO_PRICES: PriceBook = { rows: new Map() };

/** What of an attempt its price depends on. */
export type Priceable = Pick<
  UnpricedAttempt,
  'model' | 'input_tokens' | 'output_tokens' | 'cached_tokens' | 'cache_write_tokens' | 'reasoning_tokens' | 'images'
>;

const READ = `
  SELECT model, valid_from, canonical_slug, overrides, ${PRICE_CLASSES.join(', ')}
    FROM model_prices
   WHERE model IN (SELECT value FROM json_each(?1)
                   UNION
                   SELECT model FROM model_prices WHERE canonical_slug IN (SELECT value FROM json_each(?1)))`;

/** Reads the prices of some models, all their validity times. One query. */
export async function readPriceBook(db: D1Database, models: readonly string[]): Promise<PriceBook> {
  const names = new Set(models.flatMap((model) => [model, plainModel(model)]));
  const { results } = await db
    .prepare(READ)
    .bind(JSON.stringify([...names]))
    .all<PriceRow>();
  return priceBook(results);
}

/**
 * The book of some rows. A model goes by its id, and by the dated names under which its answers came. Where
 * several models answer under one, it is that of the one without a variant (`:free`), and of these the
 * one that took it last.
 */
export function priceBook(rows: readonly PriceRow[]): PriceBook {
  const inTime = rows.toSorted((a, b) => a.valid_from - b.valid_from);
  const models = Map.groupBy(inTime, ({ model }) => model);
  const named = new Map<string, PriceRow[]>();
  const plainLast = inTime.toSorted((a, b) => Number(isPlain(a.model)) - Number(isPlain(b.model)));
  for (const { canonical_slug, model } of plainLast)
    if (canonical_slug !== null) named.set(canonical_slug, models.get(model) ?? []);
  return { rows: new Map([...named, ...models]) };
}

/** Whether a model has a price at any time. */
export function isListed(book: PriceBook, model: string): boolean {
  return rowsOf(book, model).length > 0;
}

/**
 * What an attempt costs by the prices of its time, nano-dollars, rounded once. What costs nothing needs
 * no count of tokens, and what there is none of needs no price. An attempt of no tokens at all costs nothing
 * (OpenRouter, "zero completion insurance").
 *
 * @param at Unix ms: the latest price that began until then.
 * @returns null: the model has no price, or one that depends on others (`-1`); or tokens are not known.
 */
export function priceOf(book: PriceBook, attempt: Priceable, at: number): number | null {
  if (isEmpty(attempt)) return 0;
  const row = priceRowAt(book, attempt.model, at);
  const prices = row && overriddenPrices(row, row.overrides, attempt.input_tokens, at);
  if (!prices) return null;
  const products: [Decimal, number][] = [];
  for (const [count, price] of charges(attempt, prices)) {
    if (count === 0) continue;
    const decimal = price === null ? null : parseDecimal(price);
    if (decimal === null) return null;
    if (decimal.digits === 0n) continue;
    if (count === null) return null;
    products.push([decimal, count]);
  }
  return roundToNano(sumOfProducts(products));
}

/** The row of a model's prices that holds at a time, Unix ms. */
export function priceRowAt(book: PriceBook, model: string, at: number): PriceRow | undefined {
  return rowsOf(book, model).findLast(({ valid_from }) => valid_from <= at);
}

function isEmpty({ input_tokens, output_tokens, images }: Priceable): boolean {
  return input_tokens === 0 && output_tokens === 0 && images === 0;
}

/** What is charged: how many, at which price. Null: not known. */
function charges(attempt: Priceable, prices: Prices): [count: number | null, price: string | null][] {
  const { input_tokens: input, output_tokens: output, images } = attempt;
  const cached = attempt.cached_tokens ?? 0;
  const written = attempt.cache_write_tokens ?? 0;
  const reasoning = attempt.reasoning_tokens ?? 0;
  const answered = input !== 0 || output !== 0;
  return [
    [input && Math.max(0, input - cached - written), prices.prompt],
    [cached, prices.input_cache_read ?? prices.prompt],
    [written, prices.input_cache_write ?? prices.prompt],
    [output && Math.max(0, output - reasoning), prices.completion],
    [reasoning, isNothing(prices.internal_reasoning) ? prices.completion : prices.internal_reasoning],
    [answered ? images : 0, prices.image ?? '0'],
    [answered ? 1 : 0, prices.request ?? '0'],
  ];
}

/** A variant that is not listed, such as `:online`, is what it varies. */
function rowsOf({ rows }: PriceBook, model: string): readonly PriceRow[] {
  return rows.get(model) ?? rows.get(plainModel(model)) ?? [];
}

function plainModel(model: string): string {
  return model.split(':', 1)[0] ?? model;
}

function isPlain(model: string): boolean {
  return !model.includes(':');
}

function isNothing(price: string | null): boolean {
  return price === null || parseDecimal(price)?.digits === 0n;
}
