import { firstIdOf } from '../shared/ids.ts';

/** Written out, not taken from the workers' code: that is what is audited. */
const SUMS = [
  'unpriced_attempts',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'cost_nano_usd',
  'extra_cost_nano_usd',
];

const ROLLUPS = {
  hour: { table: 'usage_rollups_hourly', ms: 3_600_000 },
  day: { table: 'usage_rollups_daily', ms: 86_400_000 },
} as const;

/** Some accounts, and a span of Unix ms from a period's start to another's. */
export interface Part {
  users: readonly string[];
  from: number;
  to: number;
}

/**
 * A query for how many rows of a rollup are not the sum of their ledger rows, or are missing.
 *
 * @param part what is looked at; everything if not said.
 */
export function rollupDifference(period: keyof typeof ROLLUPS, part?: Part): string {
  const { table, ms } = ROLLUPS[period];
  const where = (column: string, from: number | string, to: number | string) =>
    ` WHERE user_id IN (${part?.users.map(quoted).join(', ')}) AND ${column} >= ${from} AND ${column} < ${to}`;
  const rows = part ? where('request_id', `'${firstIdOf(part.from)}'`, `'${firstIdOf(part.to)}'`) : '';
  const periods = part ? where(period, part.from, part.to) : '';
  const sums = SUMS.map((sum) => `coalesce(sum(${sum}), 0)`).join(', ');
  const added = `
    SELECT user_id, created_at / ${ms} * ${ms}, key_id, coalesce(model, requested_model),
           sum(adjustment = ''), sum(adjustment = '' AND status >= 400 AND status <> 499), ${sums}
      FROM usage_logs${rows} GROUP BY 1, 2, 3, 4`;
  const kept = `SELECT user_id, ${period}, key_id, model, requests, errors, ${SUMS.join(', ')} FROM ${table}${periods}`;
  return differingRows(added, kept);
}

/** A query for how many rows of one of two queries the other has not. */
export function differingRows(a: string, b: string): string {
  const count = (one: string, other: string) =>
    `SELECT count(*) FROM (SELECT * FROM (${one}) EXCEPT SELECT * FROM (${other}))`;
  return `SELECT max((${count(a, b)}), (${count(b, a)}))`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
