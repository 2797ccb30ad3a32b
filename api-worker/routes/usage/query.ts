import * as z from 'zod';
import { periods } from '../../../shared/periods.ts';
import { Format } from '../../http/csv.ts';
import { ENDS_FIRST, hasLength, spanFields, spanOf } from '../../http/span-query.ts';

const DAY_MS = 86_400_000;
const DEFAULT_SPAN_MS = 30 * DAY_MS;
/** Of an answer: some megabytes. */
export const MAX_ROWS = 20_000;

/** What usage can be grouped by, with what tells it of a rollup's row of the period `at`. */
const COLUMNS = {
  user: 'user_id AS user',
  model: 'model',
  key: 'key_id AS key',
  day: `strftime('%Y-%m-%d', at / 1000, 'unixepoch') AS day`,
  hour: `strftime('%Y-%m-%dT%H:00:00Z', at / 1000, 'unixepoch') AS hour`,
} as const;
type Group = keyof typeof COLUMNS;
export const GROUPS = Object.keys(COLUMNS) as Group[];

/** The query of GET /usage: `start` inclusive, `end` exclusive, both widened to whole hours. */
export const UsageQuery = z
  .strictObject({ ...spanFields(GROUPS), format: Format })
  .transform(({ format, ...asked }) => ({ ...spanOf(asked, DEFAULT_SPAN_MS), format }))
  .refine(hasLength, ENDS_FIRST);
type Span = Pick<z.infer<typeof UsageQuery>, 'from' | 'to' | 'groups'>;

/** The sums of an answer row. */
export const SUMS = [
  'requests',
  'errors',
  'unpriced_attempts',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'reasoning_tokens',
  'cost_nano_usd',
  'extra_cost_nano_usd',
] as const;

/** Reads an account's usage, or all accounts' (null): a row a group, one more than {@link MAX_ROWS} at most. */
export function usageStatement(db: D1Database, span: Span, account: string | null): D1PreparedStatement {
  const names = span.groups.map((group) => COLUMNS[group]);
  const sums = SUMS.map((sum) => `coalesce(sum(${sum}), 0) AS ${sum}`);
  const positions = names.map((_, n) => n + 1).join(', ');
  const { periods, rows, bound } = account === null ? ofAll(span) : ofOne(span, account);
  const sql = `
    ${periods}
    SELECT ${[...names, ...sums].join(', ')}
      FROM ${rows}
     ${names.length > 0 ? `GROUP BY ${positions} ORDER BY ${positions}` : ''}
     LIMIT ${MAX_ROWS + 1}`;
  return db.prepare(sql).bind(...bound);
}

interface Rollups {
  /** What goes before the SELECT. */
  periods: string;
  /** Rows of the rollups, each with its period `at`. */
  rows: string;
  bound: (number | string)[];
}

/** Whole days without hours are read from the daily rollup, which has a twenty-fourth of the rows. */
function ofOne({ from, to, groups }: Span, account: string): Rollups {
  const daily = from % DAY_MS === 0 && to % DAY_MS === 0 && !groups.includes('hour');
  const [rollup, period] = daily ? ['usage_rollups_daily', 'day'] : ['usage_rollups_hourly', 'hour'];
  return {
    periods: `WITH RECURSIVE ${periods(rollup, period)}`,
    rows: `periods JOIN ${rollup} ON ${period} = periods.at AND user_id = ?3`,
    bound: [from, to, account],
  };
}

/** Ranges: the whole days of the span from the daily rollup, and what is before and after them by hours. */
function ofAll({ from, to, groups }: Span): Rollups {
  const firstDay = Math.ceil(from / DAY_MS) * DAY_MS;
  const lastDay = Math.floor(to / DAY_MS) * DAY_MS;
  const inHours = groups.includes('hour') || firstDay >= lastDay;
  const columns = ['user_id', 'key_id', 'model', ...SUMS].join(', ');
  const range = (rollup: string, period: string, first: string, end: string): string =>
    `SELECT ${period} AS at, ${columns} FROM ${rollup} WHERE ${period} >= ${first} AND ${period} < ${end}`;
  return {
    periods: '',
    rows: `(${[
      range('usage_rollups_hourly', 'hour', '?1', '?3'),
      range('usage_rollups_daily', 'day', '?3', '?4'),
      range('usage_rollups_hourly', 'hour', '?4', '?2'),
    ].join(' UNION ALL ')})`,
    bound: [from, to, ...(inHours ? [to, to] : [firstDay, lastDay])],
  };
}
