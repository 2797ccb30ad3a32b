import * as z from 'zod';
import { type Bucket, percentile } from '../../../shared/latency.ts';
import { periods } from '../../../shared/periods.ts';
import type { AppContext } from '../../env.ts';
import { ApiError } from '../../http/errors.ts';
import { ENDS_FIRST, hasLength, spanFields, spanOf } from '../../http/span-query.ts';
import { inDatabase } from '../admin/change.ts';

const DEFAULT_SPAN_MS = 24 * 3_600_000;
/** Buckets of all histograms of an answer, which has a group for each of them at worst: some megabytes. */
const MAX_BUCKETS = 20_000;

/** What percentiles can be asked for by, with the column behind each. */
const COLUMNS = {
  model: 'model',
  key: 'key_id',
  day: `strftime('%Y-%m-%d', hour / 1000, 'unixepoch')`,
  hour: `strftime('%Y-%m-%dT%H:00:00Z', hour / 1000, 'unixepoch')`,
} as const;
type Group = keyof typeof COLUMNS;
export const LATENCY_GROUPS = Object.keys(COLUMNS) as Group[];

/** `start` inclusive, `end` exclusive, both widened to whole hours. */
export const LatencyQuery = z
  .strictObject(spanFields(LATENCY_GROUPS))
  .transform((asked) => spanOf(asked, DEFAULT_SPAN_MS))
  .refine(hasLength, ENDS_FIRST);
export type LatencyQuery = z.infer<typeof LatencyQuery>;

type Row = Bucket & { measure: 'latency' | 'ttft' } & Partial<Record<Group, string>>;

/**
 * Percentiles of the time to the last byte and to the first event, of an account or of all (null), from the
 * histograms: what the endpoints answer but for whose they are.
 */
export async function percentiles(c: AppContext, { from, to, groups }: LatencyQuery, account: string | null) {
  const { results } = await inDatabase(() =>
    c.env.DB.prepare(sqlOf(groups, account !== null))
      .bind(from, to, ...(account === null ? [] : [account]))
      .all<Row>(),
  );
  if (results.length > MAX_BUCKETS) throw tooMany();
  const byGroup = Map.groupBy(results, (row) => JSON.stringify(groups.map((group) => row[group])));
  return {
    object: 'latency',
    start: new Date(from).toISOString(),
    end: new Date(to).toISOString(),
    group_by: groups,
    data: [...byGroup.values()].map((rows) => ({
      ...Object.fromEntries(groups.map((group) => [group, rows[0]?.[group]])),
      latency_ms: percentilesOf(rows.filter(({ measure }) => measure === 'latency')),
      ttft_ms: percentilesOf(rows.filter(({ measure }) => measure === 'ttft')),
    })),
  };
}

/** Bound to (from, to), and to one account if it is one's. */
function sqlOf(groups: readonly Group[], own: boolean): string {
  const columns = [...groups.map((group) => `${COLUMNS[group]} AS "${group}"`), 'measure', 'up_to_ms'];
  const positions = columns.map((_, n) => n + 1).join(', ');
  return `
    ${own ? `WITH RECURSIVE ${periods('usage_latency_hourly', 'hour')}` : ''}
    SELECT ${columns.join(', ')}, sum(requests) AS requests
      FROM ${own ? 'periods JOIN usage_latency_hourly ON hour = periods.at AND user_id = ?3' : 'usage_latency_hourly WHERE hour >= ?1 AND hour < ?2'}
     GROUP BY ${positions}
     ORDER BY ${positions}
     LIMIT ${MAX_BUCKETS + 1}`;
}

/** Null where there were no requests. */
function percentilesOf(histogram: readonly Bucket[]) {
  return {
    requests: histogram.reduce((sum, { requests }) => sum + requests, 0),
    p50: percentile(histogram, 0.5),
    p95: percentile(histogram, 0.95),
    p99: percentile(histogram, 0.99),
  };
}

function tooMany(): ApiError {
  return new ApiError(400, {
    message:
      "There are too many histograms: ask for a shorter span, for one account by 'user_id', or for fewer groups.",
    param: 'group_by',
    code: 'too_many_groups',
  });
}
