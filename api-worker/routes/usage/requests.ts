import { firstIdOf } from '../../../shared/ids.ts';
import type { AppContext } from '../../env.ts';
import { csvAnswer, wantsCsv } from '../../http/csv.ts';
import { readQuery } from '../../http/input.ts';
import { inDatabase } from '../admin/change.ts';
import { accountOf } from './account.ts';
import { asCorrected, entryOf, LEDGER_ROWS, type LedgerRow } from './as-corrected.ts';
import { findRequests, type Search } from './find-requests.ts';
import { RequestsQuery } from './request-query.ts';

/** The last time of which a UUIDv7 can tell, Unix ms. */
const LAST_MS = 2 ** 48 - 1;

/** In an order of their own: who reads files by position is not to notice when the ledger gets a column. */
const CSV_COLUMNS = [
  'request_id',
  'created_at',
  'user_id',
  'key_id',
  'endpoint',
  'requested_model',
  'model',
  'provider',
  'status',
  'finish_reason',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'cost_nano_usd',
  'cost_usd',
  'extra_cost_nano_usd',
  'unpriced_attempts',
  'corrections',
  'usage_source',
  'latency_ms',
  'ttft_ms',
  'attempts',
] as const satisfies readonly (keyof ReturnType<typeof asCorrected>)[];

/**
 * GET /usage/requests and /v1/usage/requests: the requests of the caller's account in the ledger, the newest first;
 * for admins, another account's or all. As JSON, or as CSV, where a `Link` tells the next page.
 */
export async function listRequests(c: AppContext): Promise<Response> {
  const query = readQuery(c, RequestsQuery);
  const search = searchOf(query, accountOf(c, query.user_id ?? null));
  const csv = wantsCsv(c, query.format);
  const { ids, next } = await inDatabase(() => findRequests(c.env.DB, search));
  const data = await inDatabase(() => readRequests(c.env.DB, ids));
  if (csv) {
    if (next !== null) c.header('link', `<${urlOf(c, next)}>; rel="next"`);
    return csvAnswer(c, 'requests.csv', CSV_COLUMNS, data);
  }
  return c.json({
    object: 'list',
    data,
    first_id: data[0]?.request_id ?? null,
    // Where to go on, also for who pages by it alone and got no request at all.
    last_id: next ?? data.at(-1)?.request_id ?? null,
    has_more: next !== null,
    scanned_to: next,
  });
}

function searchOf(query: RequestsQuery, account: string | null): Search {
  const { start = 0, end = LAST_MS, after, limit } = query;
  const upTo = firstIdOf(Math.max(0, end));
  return {
    userId: account,
    keyId: query.key ?? null,
    model: query.model ?? null,
    outcome: query.outcome ?? null,
    from: Math.max(0, start),
    to: after !== '' && after < upTo ? after : upTo,
    limit,
  };
}

/** In the order of the ids; one whose rows have left D1 since it was found is not among them. */
async function readRequests(db: D1Database, ids: readonly string[]) {
  const { results } = await db.prepare(LEDGER_ROWS).bind(JSON.stringify(ids)).all<LedgerRow>();
  const byId = Map.groupBy(results, ({ request_id }) => request_id);
  return ids.flatMap((id) => {
    const entry = entryOf(byId.get(id) ?? []);
    return entry ? [asCorrected(entry)] : [];
  });
}

function urlOf(c: AppContext, after: string): string {
  const url = new URL(c.req.url);
  url.searchParams.set('after', after);
  return url.pathname + url.search;
}
