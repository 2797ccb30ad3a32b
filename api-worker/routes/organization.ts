import { periods } from '../../shared/periods.ts';
import type { AppContext } from '../env.ts';
import { unavailable } from '../http/errors.ts';
import { readQuery } from '../http/input.ts';
import { type Buckets, CompletionsQuery, CostsQuery, type Filters } from './organization-query.ts';

/** What can be grouped by, with the rollup column behind it. */
const COLUMNS: Record<string, string> = {
  user_id: 'user_id',
  api_key_id: 'key_id',
  model: 'model',
  line_item: 'model',
};

interface Row {
  bucket: number;
  user_id: string | null;
  key_id: string | null;
  model: string | null;
  requests: number;
  input_tokens: number;
  output_tokens: number;
  cached_tokens: number;
  cache_write_tokens: number;
  cost_nano_usd: number;
}

/** GET /v1/organization/usage/completions: all accounts' usage in OpenAI's shape, from the rollups. */
export async function completionsUsage(c: AppContext): Promise<Response> {
  const query = readQuery(c, CompletionsQuery);
  const rows = query.none ? [] : await readRows(c, query, query.filters, query.groups);
  return c.json(page(query, rows, completionsResult));
}

/** GET /v1/organization/costs: all accounts' costs in OpenAI's shape, from the rollups. A line item is a model. */
export async function costs(c: AppContext): Promise<Response> {
  const query = readQuery(c, CostsQuery);
  const rows = query.none ? [] : await readRows(c, query, query.filters, query.groups);
  return c.json(page(query, rows, costsResult));
}

function completionsResult(row: Row) {
  const { input_tokens, cached_tokens, cache_write_tokens } = row;
  return {
    object: 'organization.usage.completions.result',
    input_tokens,
    input_cached_tokens: cached_tokens,
    input_cache_write_tokens: cache_write_tokens,
    input_uncached_tokens: input_tokens - cached_tokens - cache_write_tokens,
    output_tokens: row.output_tokens,
    input_audio_tokens: 0,
    output_audio_tokens: 0,
    num_model_requests: row.requests,
    project_id: null,
    user_id: row.user_id,
    api_key_id: row.key_id,
    model: row.model,
    batch: null,
    service_tier: null,
  };
}

function costsResult(row: Row) {
  return {
    object: 'organization.costs.result',
    amount: { value: row.cost_nano_usd / 1e9, currency: 'usd' },
    line_item: row.model,
    project_id: null,
    api_key_id: row.key_id,
    quantity: null,
    quantity_unit: null,
  };
}

function page<T>({ starts, widthSeconds, nextPage }: Buckets, rows: readonly Row[], result: (row: Row) => T) {
  const byBucket = Map.groupBy(rows, ({ bucket }) => bucket / 1000);
  return {
    object: 'page',
    data: starts.map((start) => ({
      object: 'bucket',
      start_time: start,
      end_time: start + widthSeconds,
      results: (byBucket.get(start) ?? []).map(result),
    })),
    has_more: nextPage !== null,
    next_page: nextPage === null ? null : String(nextPage),
  };
}

/** Sums over all accounts. */
async function readRows(
  c: AppContext,
  { width, starts, widthSeconds }: Buckets,
  { userIds, keyIds, models }: Filters,
  groups: readonly string[],
): Promise<Row[]> {
  const [from] = starts;
  const last = starts.at(-1);
  if (from === undefined || last === undefined) return [];
  const period = width === '1d' ? 'day' : 'hour';
  const table = width === '1d' ? 'usage_rollups_daily' : 'usage_rollups_hourly';
  const columns = [...new Set(groups.flatMap((group) => COLUMNS[group] ?? []))];
  const shown = ['user_id', 'key_id', 'model'].map((name) => (columns.includes(name) ? name : `NULL AS ${name}`));
  const sql = `
    ${userIds === null ? '' : `WITH RECURSIVE ${periods(table, period)}`}
    SELECT ${period} AS bucket, ${shown.join(', ')}, sum(requests) AS requests, sum(input_tokens) AS input_tokens,
           sum(output_tokens) AS output_tokens, sum(cached_tokens) AS cached_tokens,
           sum(cache_write_tokens) AS cache_write_tokens, sum(cost_nano_usd) AS cost_nano_usd
      FROM ${userIds === null ? table : `periods JOIN ${table} ON ${period} = periods.at`}
     WHERE ${userIds === null ? `${period} >= ?1 AND ${period} < ?2 AND ?3 IS NULL` : 'user_id IN (SELECT value FROM json_each(?3))'}
       AND (?4 IS NULL OR key_id IN (SELECT value FROM json_each(?4)))
       AND (?5 IS NULL OR model IN (SELECT value FROM json_each(?5)))
     GROUP BY ${[period, ...columns].join(', ')}
     ORDER BY ${[period, ...columns].join(', ')}`;
  const json = (values: string[] | null) => (values === null ? null : JSON.stringify(values));
  const { results } = await c.env.DB.prepare(sql)
    .bind(from * 1000, (last + widthSeconds) * 1000, json(userIds), json(keyIds), json(models))
    .all<Row>()
    .catch((cause: unknown) => {
      throw unavailable('Usage cannot be read at the moment. Please try again.', cause);
    });
  return results;
}
