import * as z from 'zod';
import { runTransaction } from '../../shared/d1.ts';
import { PRICE_CLASSES, type Prices } from '../../shared/price-overrides.ts';
import { type ListedModel, listUpstreamModels } from '../../shared/upstream-models.ts';
import type { Env } from '../env.ts';

/** A row has at most some 5 KB: so many are half of what D1 takes as one value. */
const ROWS_AT_ONCE = 200;
const OVERRIDES_MAX_CHARS = 4_000;

const price = z
  .string()
  .max(64)
  .nullish()
  .transform((text) => text ?? null);
/** What cannot be read, or is too long, changes no price: the last one that was read holds. */
const Listed = z.object({
  id: z.string().max(256),
  canonical_slug: z.string().max(256).nullish().catch(null),
  pricing: z.object({
    ...(Object.fromEntries(PRICE_CLASSES.map((name) => [name, price])) as Record<keyof Prices, typeof price>),
    overrides: z
      .array(z.looseObject({}))
      .nullish()
      .transform((list) => (list && list.length > 0 ? JSON.stringify(list) : null))
      .pipe(z.string().max(OVERRIDES_MAX_CHARS).nullable()),
  }),
});

const COLUMNS = ['canonical_slug', 'overrides', ...PRICE_CLASSES];
const LISTED = COLUMNS.map((column) => `value->>'${column}'`).join(', ');

/**
 * What the upstream lists otherwise than it did before. Compared with its own last row, not with an
 * operator's: what an operator sets holds until the upstream changes its price. A model's first row
 * holds for the time before it, too; no operator's row stands there.
 */
const CHANGED = `
  INSERT INTO model_prices (model, valid_from, source, created_at, ${COLUMNS.join(', ')})
  SELECT value->>'model', CASE WHEN last.model IS NULL THEN 0 ELSE ?2 END, 'upstream', ?2, ${LISTED}
    FROM json_each(?1)
    LEFT JOIN model_prices AS last
      ON last.model = value->>'model'
     AND last.valid_from = (SELECT max(valid_from) FROM model_prices WHERE model = value->>'model' AND source = 'upstream')
   WHERE (${COLUMNS.map((column) => `last.${column}`).join(', ')}) IS NOT (${LISTED}) OR last.model IS NULL
  ON CONFLICT DO NOTHING`;

/**
 * Brings the price book up to the upstream's list: a row for each model whose prices have changed, valid
 * from now on. Nothing is taken out: a model that is not listed any more keeps its last price.
 *
 * @throws when the list cannot be had whole, or has no prices; the book stays as it is.
 */
export async function refreshPrices(env: Env, now: number): Promise<Record<string, unknown>> {
  const models = await listUpstreamModels(env);
  const rows = models.flatMap((model) => rowOf(model) ?? []);
  if (rows.length === 0) throw new Error('price list: upstream listed no prices');
  const pieces = Array.from({ length: Math.ceil(rows.length / ROWS_AT_ONCE) }, (_, n) =>
    rows.slice(n * ROWS_AT_ONCE, (n + 1) * ROWS_AT_ONCE),
  );
  const written = await runTransaction(
    env.DB,
    pieces.map((piece) => env.DB.prepare(CHANGED).bind(JSON.stringify(piece), now)),
  );
  return {
    models: rows.length,
    unreadable: models.length - rows.length,
    changed: written.reduce((sum, { meta }) => sum + meta.changes, 0),
  };
}

/** A model's prices, named as the columns; null where there are none that can be read. */
function rowOf(listed: ListedModel) {
  const parsed = Listed.safeParse(listed);
  if (!parsed.success) return null;
  const { id, canonical_slug, pricing } = parsed.data;
  return { model: id, canonical_slug: canonical_slug ?? null, ...pricing };
}
