import { nanoToUsd } from '../../shared/money.ts';
import { ALL_ACCOUNTS } from '../auth/principal.ts';
import type { AppContext } from '../env.ts';
import { csvAnswer, wantsCsv } from '../http/csv.ts';
import { ApiError, unavailable } from '../http/errors.ts';
import { readQuery } from '../http/input.ts';
import { limitsLeft } from './limits-left.ts';
import { accountOf } from './usage/account.ts';
import { MAX_ROWS, SUMS, UsageQuery, usageStatement } from './usage/query.ts';

type Row = Record<string, string | number>;

/**
 * GET /usage and /v1/usage: what the caller's account used, from the rollups, and what its limits leave; for
 * admins, another account's usage or that of all. As JSON, or its groups as CSV.
 */
export async function usage(c: AppContext): Promise<Response> {
  const query = readQuery(c, UsageQuery);
  const { from, to, groups } = query;
  const account = accountOf(c, query.userId);
  const csv = wantsCsv(c, query.format);
  const [{ results }, limits] = await Promise.all([
    usageStatement(c.env.DB, query, account)
      .all<Row>()
      .catch((cause: unknown) => {
        throw unavailable('Usage cannot be read at the moment. Please try again.', cause);
      }),
    account === c.var.principal.userId && !csv ? limitsLeft(c) : null,
  ]);
  if (results.length > MAX_ROWS) throw tooMany();
  const data = results.filter((row) => groups.length > 0 || row.requests !== 0).map(withUsd);
  if (csv) return csvAnswer<string>(c, `usage-${dayOf(from)}-${dayOf(to)}.csv`, [...groups, ...SUMS, 'cost_usd'], data);
  return c.json({
    object: 'usage',
    user_id: account ?? ALL_ACCOUNTS,
    start: new Date(from).toISOString(),
    end: new Date(to).toISOString(),
    group_by: groups,
    data,
    total: withUsd(totalOf(results)),
    limits,
  });
}

function totalOf(rows: readonly Row[]): Row {
  return Object.fromEntries(SUMS.map((sum) => [sum, rows.reduce((total, row) => total + Number(row[sum]), 0)]));
}

function withUsd(row: Row): Row {
  return { ...row, cost_usd: nanoToUsd(Number(row.cost_nano_usd)) };
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function tooMany(): ApiError {
  return new ApiError(400, {
    message: `There are more than ${MAX_ROWS} groups: ask for a shorter span, for one account by 'user_id', or for fewer groups.`,
    param: 'group_by',
    code: 'too_many_groups',
  });
}
