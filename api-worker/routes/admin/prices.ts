import * as z from 'zod';
import { parseDecimal } from '../../../shared/money.ts';
import { PRICE_CLASSES, type Prices } from '../../../shared/price-overrides.ts';
import type { AppContext } from '../../env.ts';
import { ApiError } from '../../http/errors.ts';
import { readBody, readQuery } from '../../http/input.ts';
import { INTEGER } from '../../http/validate.ts';
import { apply, inDatabase, seconds } from './change.ts';
import { PageQuery, pageOf } from './page.ts';

const model = z.string().min(1).max(256);

export const PricesQuery = PageQuery.extend({
  model: model.optional(),
  after: z
    .string()
    .max(300)
    .regex(/^(.+@\d{1,15})?$/)
    .default(''),
});

/** Dollars, exactly as they are to be counted. */
const price = z
  .string()
  .max(64)
  .refine((text) => parseDecimal(text) !== null, { message: 'A price is a decimal string of dollars: "0.00000025".' })
  .meta({ examples: ['0.00000025'] });

/** What a model costs from a time on. Classes that are left out are not charged, or as schema.sql says. */
export const PriceSetting = z.strictObject({
  model,
  /** Unix seconds; not 0, where the upstream's first price stands. */
  valid_from: z.int().min(1, INTEGER).max(99_999_999_999, INTEGER).optional(),
  canonical_slug: z.string().min(1).max(256).nullable().default(null),
  prompt: price,
  completion: price,
  input_cache_read: price.nullable().default(null),
  input_cache_write: price.nullable().default(null),
  internal_reasoning: price.nullable().default(null),
  image: price.nullable().default(null),
  request: price.nullable().default(null),
});

/** As in model_prices of schema.sql. */
type Row = Prices & {
  model: string;
  valid_from: number;
  canonical_slug: string | null;
  overrides: string | null;
  source: 'upstream' | 'operator';
  created_at: number;
};

const COLUMNS = [
  'model',
  'valid_from',
  'canonical_slug',
  ...PRICE_CLASSES,
  'overrides',
  'source',
  'created_at',
] as const;
const SELECT = `SELECT ${COLUMNS.join(', ')} FROM model_prices`;

const SET = `
  INSERT INTO model_prices (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map((_, n) => `?${n + 1}`).join(', ')})
  ON CONFLICT DO UPDATE SET ${COLUMNS.map((column) => `${column} = excluded.${column}`).join(', ')}
   WHERE source = 'operator'`;

/** GET /admin/prices: the price book, by model and time; of one `model` if named. */
export async function listPrices(c: AppContext): Promise<Response> {
  const { limit, after, model } = readQuery(c, PricesQuery);
  const [afterModel, afterTime] = after === '' ? [model ?? '', -1] : splitId(after);
  const { results } = await inDatabase(() =>
    c.env.DB.prepare(
      `${SELECT}
        WHERE (model, valid_from) > (?1, ?2) AND (?3 IS NULL OR model = ?3)
        ORDER BY model, valid_from LIMIT ?4`,
    )
      .bind(afterModel, afterTime, model ?? null, limit + 1)
      .all<Row>(),
  );
  return c.json(pageOf(results.map(shown), limit));
}

/**
 * POST /admin/prices: what a model costs from a time on, now if none is named. It holds until an operator
 * sets another, or the upstream changes the price that it lists.
 */
export async function setPrice(c: AppContext): Promise<Response> {
  const now = Date.now();
  const { valid_from, ...fields } = await readBody(c, PriceSetting);
  const row: Row = {
    ...fields,
    valid_from: valid_from === undefined ? now : valid_from * 1_000,
    overrides: null,
    source: 'operator',
    created_at: now,
  };
  const there = await inDatabase(() =>
    c.env.DB.prepare(`${SELECT} WHERE model = ?1 AND valid_from = ?2`).bind(row.model, row.valid_from).first<Row>(),
  );
  if (there?.source === 'upstream') throw begunByUpstream();
  await apply(
    c,
    { action: 'price.set', target: row.model, changes: { ...fields, valid_from: seconds(row.valid_from) } },
    [c.env.DB.prepare(SET).bind(...COLUMNS.map((column) => row[column]))],
  );
  return c.json(shown(row), 201);
}

/** Its rows tell what it listed when: they are what its next list is compared with. */
function begunByUpstream(): ApiError {
  return new ApiError(409, {
    message: "One of the upstream's own prices begins at that very second. Name a later one.",
    param: 'valid_from',
    code: 'price_exists',
  });
}

function splitId(id: string): [model: string, validFrom: number] {
  const at = id.lastIndexOf('@');
  return [id.slice(0, at), Number(id.slice(at + 1))];
}

function shown({ overrides, ...row }: Row) {
  return {
    object: 'model_price',
    id: `${row.model}@${row.valid_from}`,
    ...row,
    overrides: overrides === null ? null : (JSON.parse(overrides) as unknown),
    valid_from: seconds(row.valid_from),
    created_at: seconds(row.created_at),
  };
}
