import { type AttemptRow, adjustmentStatements } from '../../shared/adjustments.ts';
import { runTransaction } from '../../shared/d1.ts';
import { isListed, readPriceBook } from '../../shared/price-book.ts';
import { rerated } from '../../shared/rerating.ts';
import type { Env } from '../env.ts';
import { refreshPrices } from './refresh-prices.ts';

const AT_ONCE = 500;
/** A run stays well within what an invocation may ask of D1; the next one goes on. */
const STEPS_MAX = 20;
const MODELS_MAX = 1_000;

/** In an order that each run takes from another place: names that nobody lists must not stand before the others for ever. */
const MODELS = `
  SELECT model FROM (SELECT DISTINCT model FROM unpriced_attempts WHERE cost_nano_usd IS NULL)
   ORDER BY random() LIMIT ${MODELS_MAX}`;

/** Pending ones are left to what the upstream will say. */
const ATTEMPTS = `
  SELECT *
    FROM unpriced_attempts
   WHERE cost_nano_usd IS NULL AND state IN ('no_price', 'given_up')
     AND model IN (SELECT value FROM json_each(?1)) AND (model, request_id, attempt) > (?2, ?3, ?4)
   ORDER BY model, request_id, attempt
   LIMIT ${AT_ONCE}`;

/**
 * Prices attempts whose model had no price when they came, and has one now. Where there are no prices at
 * all, as in a new deployment, they are fetched first.
 */
export async function priceLate(env: Env, now: number): Promise<Record<string, unknown>> {
  const { DB } = env;
  const isEmpty = (await DB.prepare('SELECT 1 FROM model_prices LIMIT 1').first()) === null;
  if (isEmpty) await refreshPrices(env, now);

  const { results: waiting } = await DB.prepare(MODELS).all<{ model: string }>();
  const prices = await readPriceBook(
    DB,
    waiting.map(({ model }) => model),
  );
  const models = JSON.stringify(waiting.map(({ model }) => model).filter((model) => isListed(prices, model)));
  let priced = 0;
  let after: [model: string, requestId: string, attempt: number] = ['', '', 0];
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const { results } = await DB.prepare(ATTEMPTS)
      .bind(models, ...after)
      .all<AttemptRow>();
    const corrections = results.flatMap((attempt) => rerated(attempt, prices) ?? []);
    if (corrections.length > 0) await runTransaction(DB, adjustmentStatements(DB, corrections, now));
    priced += corrections.length;
    const last = results.at(-1);
    if (!last || results.length < AT_ONCE) break;
    after = [last.model, last.request_id, last.attempt];
  }
  return { models: waiting.length, priced, ...(isEmpty && { prices: 'fetched' }) };
}
