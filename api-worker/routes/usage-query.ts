import * as z from 'zod';
import { periods } from '../../shared/periods.ts';
import { spanFields, spanOf } from '../http/span-query.ts';

const DAY_MS = 86_400_000;
const DEFAULT_SPAN_MS = 30 * DAY_MS;

/** What usage can be grouped by, with the rollup column behind each. */
export const GROUPS = ['model', 'key', 'day', 'hour'] as const;
type Group = (typeof GROUPS)[number];

/** The query of GET /usage: `start` inclusive, `end` exclusive, both widened to whole hours; `user_id`: another account, for admins. */
export const UsageQuery = z.object(spanFields(GROUPS)).transform((asked) => spanOf(asked, DEFAULT_SPAN_MS));
export type UsageQuery = z.infer<typeof UsageQuery>;

const COLUMNS: Record<Group, string> = {
  model: 'model',
  key: 'key_id AS key',
  day: `strftime('%Y-%m-%d', periods.at / 1000, 'unixepoch') AS day`,
  hour: `strftime('%Y-%m-%dT%H:00:00Z', periods.at / 1000, 'unixepoch') AS hour`,
};

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

/**
 * The SQL for one account's usage, bound to (from, to, user_id). Whole days without hours are read
 * from the daily rollup, which has a twenty-fourth of the rows.
 */
export function usageSql({ from, to, groups }: UsageQuery): string {
  const daily = from % DAY_MS === 0 && to % DAY_MS === 0 && !groups.includes('hour');
  const [rollup, period] = daily ? ['usage_rollups_daily', 'day'] : ['usage_rollups_hourly', 'hour'];
  const names = groups.map((group) => COLUMNS[group]);
  const sums = SUMS.map((sum) => `coalesce(sum(${sum}), 0) AS ${sum}`);
  const order =
    groups.length > 0
      ? `GROUP BY ${groups.map((_, n) => n + 1).join(', ')} ORDER BY ${groups.map((_, n) => n + 1).join(', ')}`
      : '';
  return `WITH RECURSIVE ${periods(rollup, period)}
          SELECT ${[...names, ...sums].join(', ')}
            FROM periods JOIN ${rollup} ON ${period} = periods.at AND user_id = ?3 ${order}`;
}
