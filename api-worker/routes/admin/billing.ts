import * as z from 'zod';
import { SUMS } from '../../../shared/ledger-columns.ts';
import { nanoToUsd } from '../../../shared/money.ts';
import { periods } from '../../../shared/periods.ts';
import type { AppContext } from '../../env.ts';
import { csvAnswer, Format, wantsCsv } from '../../http/csv.ts';
import { ApiError } from '../../http/errors.ts';
import { readQuery } from '../../http/input.ts';
import { inDatabase } from './change.ts';
import { IS_UNBILLED, UNBILLED_ONCE } from './dead-letters/letters.ts';

/** More than any invoice run by hand; an answer of some megabytes. */
const MAX_LINES = 15_000;
/** Usage events may wait in their queue for half a day, while D1 is away. */
const GRACE_MS = 24 * 3_600_000;

export const BillingQuery = z.strictObject({
  month: z
    .string()
    .regex(/^(?:19[7-9]\d|[2-9]\d{3})-(?:0[1-9]|1[0-2])$/)
    .meta({ examples: ['2026-11'] }),
  user_id: z.string().max(256).optional(),
  format: Format,
});

/** The numbers of an invoice line. */
export const COUNTS = ['requests', 'errors', ...SUMS] as const;
type Counts = Record<(typeof COUNTS)[number], number>;
type Line = Counts & { user_id: string; model: string };

const CSV_COLUMNS = ['month', 'user_id', 'model', ...COUNTS, 'cost_usd'] as const;

/** Bound to (from, to), and to one account if it is one's. */
const linesSql = (own: boolean): string => `
  ${own ? `WITH RECURSIVE ${periods('usage_rollups_daily', 'day')}` : ''}
  SELECT user_id, model, ${COUNTS.map((count) => `sum(${count}) AS ${count}`).join(', ')}
    FROM ${own ? 'periods JOIN usage_rollups_daily ON day = periods.at AND user_id = ?3' : 'usage_rollups_daily WHERE day >= ?1 AND day < ?2'}
   GROUP BY user_id, model
   ORDER BY user_id, model
   LIMIT ${MAX_LINES + 1}`;

/** Attempts of the month, of all accounts, whose cost may change by itself. The first term is that of their index. */
const OPEN_ATTEMPTS = `
  SELECT count(*) AS attempts
    FROM unpriced_attempts
   WHERE state IN ('pending', 'no_price', 'given_up') AND (state <> 'given_up' OR cost_nano_usd IS NULL)
     AND created_at >= ?1 AND created_at < ?2`;

/** Usage events of the month, of all accounts, that are stuck. Where one does not tell its time, it is that of its message. */
const STUCK = `
  SELECT count(*) AS messages, coalesce(sum(unbilled), 0) AS unbilled_nano_usd
    FROM (SELECT ${UNBILLED_ONCE} AS unbilled,
                 CASE json_type(letter.body, '$.created_at') WHEN 'integer' THEN letter.body ->> '$.created_at'
                 ELSE letter.created_at END AS arrived_at
            FROM dead_letters AS letter
           WHERE letter.state = 'stuck' AND ${IS_UNBILLED})
   WHERE arrived_at >= ?1 AND arrived_at < ?2`;

/**
 * GET /admin/billing: a UTC month's usage and cost by account and model, from the rollups, and so to the
 * nano-dollar what the ledger holds; as JSON, with totals, or as CSV, a line each. What tells whether more may
 * come is in the headers, too, for CSV has no other place for it.
 */
export async function billing(c: AppContext): Promise<Response> {
  const { month, user_id: userId, format } = readQuery(c, BillingQuery);
  const { from, to } = spanOf(month);
  const [lines, open, stuck] = await inDatabase(() =>
    Promise.all([
      c.env.DB.prepare(linesSql(userId !== undefined))
        .bind(from, to, ...(userId === undefined ? [] : [userId]))
        .all<Line>(),
      c.env.DB.prepare(OPEN_ATTEMPTS).bind(from, to).first<number>('attempts'),
      c.env.DB.prepare(STUCK).bind(from, to).first<{ messages: number; unbilled_nano_usd: number }>(),
    ]),
  );
  if (lines.results.length > MAX_LINES) throw tooMany();
  const openAttempts = open ?? 0;
  const unbilled = stuck?.unbilled_nano_usd ?? 0;
  const closed = to + GRACE_MS <= Date.now() && openAttempts === 0 && stuck?.messages === 0;
  c.header('x-billing-closed', String(closed));
  c.header('x-billing-open-attempts', String(openAttempts));
  c.header('x-billing-unbilled-nano-usd', String(unbilled));
  if (wantsCsv(c, format)) {
    const rows = lines.results.map((line) => ({ month, ...withUsd(line) }));
    return csvAnswer(c, `billing-${month}.csv`, CSV_COLUMNS, rows);
  }
  return c.json({
    object: 'billing',
    month,
    start: new Date(from).toISOString(),
    end: new Date(to).toISOString(),
    closed,
    open_attempts: openAttempts,
    unbilled_nano_usd: unbilled,
    data: lines.results.map(withUsd),
    accounts: [...Map.groupBy(lines.results, ({ user_id }) => user_id)].map(([user_id, own]) => ({
      user_id,
      ...withUsd(totalOf(own)),
    })),
    total: withUsd(totalOf(lines.results)),
  });
}

function spanOf(month: string): { from: number; to: number } {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return { from: Date.UTC(year, number - 1), to: Date.UTC(year, number) };
}

function totalOf(lines: readonly Counts[]): Counts {
  const sum = (count: keyof Counts) => lines.reduce((total, line) => total + line[count], 0);
  return Object.fromEntries(COUNTS.map((count) => [count, sum(count)])) as Counts;
}

function withUsd<T extends Counts>(counts: T): T & { cost_usd: string } {
  return { ...counts, cost_usd: nanoToUsd(counts.cost_nano_usd) };
}

function tooMany(): ApiError {
  return new ApiError(400, {
    message: `The month has more than ${MAX_LINES} lines: name an account by 'user_id'.`,
    param: 'user_id',
    code: 'too_many_lines',
  });
}
