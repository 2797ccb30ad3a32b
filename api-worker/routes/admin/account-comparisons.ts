import * as z from 'zod';
import { nanoToUsd } from '../../../shared/money.ts';
import type { AppContext } from '../../env.ts';
import { readQuery } from '../../http/input.ts';
import { inDatabase, seconds } from './change.ts';
import { PageQuery, pageOf } from './page.ts';

export const ComparisonsQuery = PageQuery.extend({
  after: z
    .string()
    .regex(/^\d{0,15}$/)
    .default(''),
});

/** As in account_comparisons of schema.sql. */
interface Row {
  compared_at: number;
  upstream_nano_usd: number;
  ledger_nano_usd: number;
  difference_nano_usd: number;
  drift_nano_usd: number;
}

/** GET /admin/account-comparisons: the ledger beside the upstream's account of us, day by day, the newest first. */
export async function listAccountComparisons(c: AppContext): Promise<Response> {
  const { limit, after } = readQuery(c, ComparisonsQuery);
  const { results } = await inDatabase(() =>
    c.env.DB.prepare(
      `SELECT * FROM account_comparisons
        WHERE (?1 = '' OR compared_at < CAST(?1 AS INTEGER))
        ORDER BY compared_at DESC LIMIT ?2`,
    )
      .bind(after, limit + 1)
      .all<Row>(),
  );
  return c.json(pageOf(results.map(shown), limit));
}

/** The newest comparison as the list shows it; null before the first. */
export async function latestComparison(c: AppContext) {
  const row = await inDatabase(() =>
    c.env.DB.prepare('SELECT * FROM account_comparisons ORDER BY compared_at DESC LIMIT 1').first<Row>(),
  );
  return row && shown(row);
}

function shown(row: Row) {
  return {
    object: 'account_comparison',
    id: String(row.compared_at),
    ...row,
    compared_at: seconds(row.compared_at),
    difference_usd: nanoToUsd(row.difference_nano_usd),
    drift_usd: nanoToUsd(row.drift_nano_usd),
  };
}
