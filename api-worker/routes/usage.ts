import { nanoToUsd } from '../../shared/money.ts';
import { insufficient } from '../auth/authenticate.ts';
import type { AppContext } from '../env.ts';
import { ApiError, unavailable } from '../http/errors.ts';
import { limitsLeft } from './limits-left.ts';
import { SUMS, UsageQuery, usageSql } from './usage-query.ts';

type Row = Record<string, string | number>;

/** GET /usage and /v1/usage: what the caller's account used, from the rollups, and what its limits leave. */
export async function usage(c: AppContext): Promise<Response> {
  const query = readQuery(c);
  const { principal } = c.var;
  const userId = query.userId ?? principal.userId;
  const own = userId === principal.userId;
  if (!own && !principal.permissions.includes('admin')) throw insufficient(c, 'admin');
  const [{ results }, limits] = await Promise.all([
    c.env.DB.prepare(usageSql(query))
      .bind(query.from, query.to, userId)
      .all<Row>()
      .catch((cause: unknown) => {
        throw unavailable('Usage cannot be read at the moment. Please try again.', cause);
      }),
    own ? limitsLeft(c) : null,
  ]);
  return c.json({
    object: 'usage',
    user_id: userId,
    start: new Date(query.from).toISOString(),
    end: new Date(query.to).toISOString(),
    group_by: query.groups,
    data: results.filter((row) => query.groups.length > 0 || row.requests !== 0).map(withUsd),
    total: withUsd(totalOf(results)),
    limits,
  });
}

function readQuery(c: AppContext): UsageQuery {
  const parsed = UsageQuery.safeParse(c.req.query());
  const issue = parsed.error?.issues[0];
  if (issue) {
    const param = String(issue.path[0] ?? 'group_by');
    const expected =
      param === 'group_by' ? 'any of model, key, day and hour, separated by commas' : 'an ISO date such as 2026-11-01';
    throw new ApiError(400, { message: `Invalid '${param}': expected ${expected}.`, param, code: 'invalid_value' });
  }
  const query = parsed.data as UsageQuery;
  if (query.from >= query.to) {
    throw new ApiError(400, {
      message: "Invalid 'start': must be before 'end'.",
      param: 'start',
      code: 'invalid_value',
    });
  }
  return query;
}

function totalOf(rows: readonly Row[]): Row {
  return Object.fromEntries(SUMS.map((sum) => [sum, rows.reduce((total, row) => total + Number(row[sum]), 0)]));
}

function withUsd(row: Row): Row {
  return { ...row, cost_usd: nanoToUsd(Number(row.cost_nano_usd)) };
}
