import type { AttemptRow } from '../../../shared/adjustments.ts';
import { IS_RESTORED } from '../../../shared/archived.ts';
import { SUMS } from '../../../shared/ledger-columns.ts';
import { priceRowAt, readPriceBook } from '../../../shared/price-book.ts';
import { PRICE_CLASSES, type Prices } from '../../../shared/price-overrides.ts';
import type { AppContext } from '../../env.ts';
import { ApiError } from '../../http/errors.ts';
import { inDatabase, notFound } from '../admin/change.ts';
import { asCorrected, entryOf, LEDGER_ROWS, type LedgerRow, usdOf } from './as-corrected.ts';

const ATTEMPTS = `
  SELECT attempt, model, state, usage_source, input_tokens, output_tokens, cached_tokens, cache_write_tokens,
         reasoning_tokens, images, cost_nano_usd, relayed, asked, generation_id
    FROM unpriced_attempts
   WHERE request_id = ?1
   ORDER BY attempt`;
const PRICE = `
  SELECT model, valid_from, source, ${PRICE_CLASSES.join(', ')}, overrides
    FROM model_prices
   WHERE model = ?1 AND valid_from = ?2`;
const ARCHIVE = `
  SELECT object FROM ledger_archives
   WHERE ?1 BETWEEN first_request_id AND last_request_id AND deleted_at IS NOT NULL AND ${IS_RESTORED} IS NOT TRUE
   ORDER BY object LIMIT 1`;

/**
 * GET /usage/requests/{id} and /v1/usage/requests/{id}: what a request cost, how that was corrected, which of its
 * attempts did not tell their own cost, and the price of its model at its time. Another account's is not found
 * but for admins.
 */
export async function receipt(c: AppContext): Promise<Response> {
  const id = c.req.param('id') ?? '';
  const { DB } = c.env;
  const [rows, attempts] = await inDatabase(() =>
    Promise.all([
      DB.prepare(LEDGER_ROWS)
        .bind(JSON.stringify([id]))
        .all<LedgerRow>(),
      DB.prepare(ATTEMPTS).bind(id).all<Attempt>(),
    ]),
  );
  const entry = entryOf(rows.results);
  const { userId, permissions } = c.var.principal;
  const isAdmin = permissions.includes('admin');
  if (!entry || (entry.own.user_id !== userId && !isAdmin)) throw await unknown(c, id, isAdmin);
  const { model, requested_model, created_at } = entry.own;
  return c.json({
    object: 'request',
    ...asCorrected(entry),
    corrections: entry.corrections.map(correction),
    unpriced: attempts.results.map((attempt) => ({ ...attempt, relayed: attempt.relayed === 1 })),
    price: await inDatabase(() => priceAt(DB, model ?? requested_model, created_at)),
  });
}

type Attempt = Omit<AttemptRow, 'request_id' | 'revision' | 'created_at'>;

/** The differences that it made. */
function correction(row: LedgerRow) {
  const { adjustment, recorded_at, usage_source, cost_nano_usd } = row;
  return {
    adjustment,
    recorded_at: new Date(recorded_at).toISOString(),
    usage_source,
    ...Object.fromEntries(SUMS.map((column) => [column, row[column]])),
    cost_usd: usdOf(cost_nano_usd),
  };
}

type PriceRow = Prices & { model: string; valid_from: number; source: string; overrides: string | null };

/** The row of the price book that prices a model at a time, Unix ms; null: there is none. */
async function priceAt(db: D1Database, model: string, at: number) {
  const found = priceRowAt(await readPriceBook(db, [model]), model, at);
  const row = found && (await db.prepare(PRICE).bind(found.model, found.valid_from).first<PriceRow>());
  if (!row) return null;
  return {
    ...row,
    valid_from: new Date(row.valid_from).toISOString(),
    overrides: row.overrides === null ? null : (JSON.parse(row.overrides) as unknown),
  };
}

/** 404; it tells an admin of the archive in which the request's rows may be. */
async function unknown(c: AppContext, id: string, isAdmin: boolean): Promise<ApiError> {
  const find = () => c.env.DB.prepare(ARCHIVE).bind(id).first<string>('object');
  const archive = isAdmin ? await inDatabase(find) : null;
  if (archive === null) return notFound('request', id);
  return new ApiError(404, {
    message: `The request '${id}' is not in the database; it may be in the archive '${archive}'. POST /admin/ledger-archives/{id}/restore brings that back for a week.`,
    code: 'request_archived',
  });
}
