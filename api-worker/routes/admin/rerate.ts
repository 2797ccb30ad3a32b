import * as z from 'zod';
import { type AttemptRow, adjustmentStatements, type Correction } from '../../../shared/adjustments.ts';
import { IS_RESTORED } from '../../../shared/archived.ts';
import { firstIdOf } from '../../../shared/ids.ts';
import { readPriceBook } from '../../../shared/price-book.ts';
import { rerated } from '../../../shared/rerating.ts';
import type { AppContext } from '../../env.ts';
import { readBody } from '../../http/input.ts';
import { Instant } from '../../http/instant.ts';
import { apply, inDatabase } from './change.ts';

const PAGE = 500;

export const RerateRequest = z
  .strictObject({
    from: Instant.meta({ description: 'Of requests that arrived then or later.' }),
    to: Instant.meta({ description: 'And before.' }),
    dry_run: z.boolean().default(true),
    /** The `next` of the page before. */
    after: z
      .string()
      .regex(/^([0-9a-f-]{36}\.\d{1,4})?$/)
      .default(''),
  })
  .refine(({ from, to }) => from < to, { message: "'from' must be before 'to'.", path: ['from'] });

/**
 * What has no price of the upstream's. Cached answers have no attempts, and what the upstream told is not
 * among the unpriced; of an archived request there is no row to correct.
 */
const ATTEMPTS = `
  SELECT attempt.*
    FROM unpriced_attempts AS attempt
   WHERE request_id >= ?1 AND request_id < ?2 AND (request_id, attempt) > (?3, ?4) AND state <> 'reconciled'
     AND EXISTS (SELECT 1 FROM usage_logs AS row WHERE row.request_id = attempt.request_id AND row.adjustment = '')
   ORDER BY request_id, attempt
   LIMIT ${PAGE + 1}`;

const ARCHIVES = `
  SELECT count(*) AS count FROM ledger_archives
   WHERE last_request_id >= ?1 AND first_request_id < ?2 AND deleted_at IS NOT NULL AND ${IS_RESTORED} IS NOT TRUE`;

/**
 * POST /admin/rerate: gives the attempts of a period that the upstream did not price the prices that the
 * price book has for their time by now, a page of them at once; or, as it does unless told otherwise,
 * only says what that would change. The same book and attempts give the same prices, so that what has been
 * done once is nothing to do again.
 */
export async function rerate(c: AppContext): Promise<Response> {
  const { from, to, dry_run, after } = await readBody(c, RerateRequest);
  const [first, end] = [firstIdOf(from), firstIdOf(to)];
  const { attempts, archives } = await inDatabase(async () => {
    const [page, archived] = await c.env.DB.batch<AttemptRow & { count: number }>([
      c.env.DB.prepare(ATTEMPTS).bind(first, end, ...splitCursor(after)),
      c.env.DB.prepare(ARCHIVES).bind(first, end),
    ]);
    return { attempts: page?.results ?? [], archives: archived?.results[0]?.count ?? 0 };
  });
  const page: AttemptRow[] = attempts.slice(0, PAGE);
  const prices = await inDatabase(() => readPriceBook(c.env.DB, [...new Set(page.map(({ model }) => model))]));
  const priced = page.map((attempt) => ({ attempt, correction: rerated(attempt, prices) }));
  const corrections = priced.flatMap(({ correction }) => correction ?? []);
  const sums = sumsOf(priced);
  if (!dry_run && corrections.length > 0) {
    const period = [from, to].map((ms) => new Date(ms).toISOString()).join('/');
    await apply(
      c,
      { action: 'rerate.apply', target: period, changes: { ...(after && { after }), ...sums } },
      adjustmentStatements(c.env.DB, corrections),
    );
  }
  const last = page.at(-1);
  return c.json({
    object: 'rerating',
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    dry_run,
    ...sums,
    models: [...Map.groupBy(priced, ({ attempt }) => attempt.model)]
      .map(([model, list]) => ({ model, ...sumsOf(list) }))
      .toSorted((a, b) => (a.model < b.model ? -1 : 1)),
    archives,
    next: attempts.length > PAGE && last ? `${last.request_id}.${last.attempt}` : null,
  });
}

/** Costs in nano-dollars; what has no price counts as nothing there, and under `without_price`. */
function sumsOf(priced: readonly { attempt: AttemptRow; correction: Correction | null }[]) {
  const costs = priced.map(({ attempt, correction }) => (correction?.to ?? attempt).cost_nano_usd);
  const before = sum(priced.map(({ attempt }) => attempt.cost_nano_usd));
  const after = sum(costs);
  return {
    attempts: priced.length,
    changed: priced.filter(({ correction }) => correction !== null).length,
    without_price: costs.filter((cost) => cost === null).length,
    before_nano_usd: before,
    after_nano_usd: after,
    difference_nano_usd: after - before,
  };
}

function sum(costs: readonly (number | null)[]): number {
  return costs.reduce<number>((total, cost) => total + (cost ?? 0), 0);
}

function splitCursor(after: string): [requestId: string, attempt: number] {
  const [requestId = '', attempt = '0'] = after.split('.');
  return [requestId, Number(attempt)];
}
