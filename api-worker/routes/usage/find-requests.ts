import { firstIdOf } from '../../../shared/ids.ts';
import { TOLD_LATE } from '../../../shared/ledger.ts';
import { HOUR_BOUNDS, ledgerSpans, type Span, timeOf } from './ledger-spans.ts';

/** What D1 takes as terms of one compound SELECT. */
const SPANS_AT_ONCE = 5;

/** How far one call goes, so that no question of a dashboard walks through a ledger of millions. */
export const BOUNDS = {
  ...HOUR_BOUNDS,
  /** Statements over the ledger. */
  looks: 4,
  /** Requests that each of them looks at, whosever they are. */
  requests: 12_500,
};

/** Which requests: those to which all of it applies. */
export interface Search {
  /** Null: of all accounts. */
  userId: string | null;
  keyId: string | null;
  /** That was asked for, or that answered. */
  model: string | null;
  outcome: 'ok' | 'error' | null;
  /** Unix ms, included. */
  from: number;
  /** An id, or the beginning of one, that is not included. */
  to: string;
  limit: number;
}

/** What {@link findRequests} found. */
export interface Found {
  /** The newest first. */
  ids: string[];
  /** The `to` with which to go on; null: there are no more. It tells nothing of another account's request but its time. */
  next: string | null;
}

/**
 * Looks for requests in the ledger by its primary key, the newest first, and stops at the bounds: `next` then says
 * where, and there may be fewer requests than `limit`, even none, before the last are found. An account's
 * requests are looked for in those hours alone of which the rollups know some.
 *
 * @throws what D1 throws.
 */
export async function findRequests(db: D1Database, search: Search, bounds = BOUNDS): Promise<Found> {
  const { userId, from, to, limit } = search;
  const { spans, rest } =
    userId === null
      ? { spans: [{ from: firstIdOf(from), to }], rest: null }
      : await ledgerSpans(db, { ...search, userId }, bounds);
  const ids: string[] = [];
  let left: readonly Span[] = spans;
  let cut: string | null = null;
  for (let look = 0; look < bounds.looks && left.length > 0; look += 1) {
    const at = left.slice(0, SPANS_AT_ONCE);
    const { found, end } = await lookAt(db, at, search, limit + 1 - ids.length, bounds.requests);
    ids.push(...found);
    if (ids.length > limit) return { ids: ids.slice(0, limit), next: ids[limit - 1] ?? null };
    left = end === null ? left.slice(at.length) : before(left, end);
    cut = end;
  }
  return cut === null ? { ids, next: left[0]?.to ?? rest } : untold(ids, cut, to);
}

/** What of the spans, the newest first, is before an id. */
function before(spans: readonly Span[], id: string): Span[] {
  return spans.flatMap(({ from, to }) => (from < id ? [{ from, to: to < id ? to : id }] : []));
}

/**
 * Where to go on, without another account's id: at the end of the millisecond in which the search ended, whose own
 * requests are left to the next call. More than any millisecond has are looked at at once, so that it goes on.
 */
function untold(ids: readonly string[], end: string, to: string): Found {
  const place = firstIdOf(timeOf(end) + 1);
  const next = place < to ? place : to;
  return { ids: ids.filter((id) => id >= next), next };
}

/** Whose end was told late has it in a row of its own: shared/ledger.ts. */
const STATUS = `CASE WHEN usage_source = 'unknown' AND attempts = 0
  THEN coalesce((SELECT status FROM usage_logs AS late WHERE late.request_id = looked.request_id AND late.adjustment = '${TOLD_LATE}'), status)
  ELSE status END`;
const IS_ERROR = `(${STATUS} >= 400 AND ${STATUS} <> 499)`;

/**
 * Looks at the newest requests of some spans, as many as the bound says, and stops once as many as are wanted fit.
 *
 * @returns those that fit, and the last that was looked at where the bound ended it; null where it did not.
 */
async function lookAt(
  db: D1Database,
  spans: readonly Span[],
  { userId, keyId, model, outcome }: Search,
  wanted: number,
  bound: number,
): Promise<{ found: string[]; end: string | null }> {
  const { results } = await db
    .prepare(lookSql(spans.length, outcome))
    .bind(userId, keyId, model, wanted, bound, ...spans.flatMap(({ from, to }) => [from, to]))
    .all<{ request_id: string; fits: 0 | 1 }>();
  return {
    found: results.filter(({ fits }) => fits === 1).map(({ request_id }) => request_id),
    end: results.find(({ fits }) => fits === 0)?.request_id ?? null,
  };
}

/**
 * Bound to (account, key, model, requests that are wanted, requests to look at), and to each span's ends. The union
 * of spans is read in order, and none of its rows that the LIMIT does not ask for; for where the bound ends it, SQLite
 * looks only if there was not enough before. A request's own row comes after its corrections, which do not count.
 */
function lookSql(spans: number, outcome: Search['outcome']): string {
  const looked = (columns: string, limit: string): string => {
    const terms = Array.from(
      { length: spans },
      (_, n) => `
        SELECT ${columns} FROM usage_logs
         WHERE request_id >= ?${6 + 2 * n} AND request_id < ?${7 + 2 * n} AND adjustment = ''`,
    );
    return `(${terms.join(' UNION ALL ')} ORDER BY request_id DESC LIMIT ${limit})`;
  };
  return `
    SELECT request_id, 1 AS fits
      FROM ${looked('request_id, user_id, key_id, model, requested_model, status, usage_source, attempts', '?5')} AS looked
     WHERE (?1 IS NULL OR user_id = ?1) AND (?2 IS NULL OR key_id = ?2)
       AND (?3 IS NULL OR requested_model = ?3 OR model = ?3)
       ${outcome === null ? '' : `AND ${outcome === 'error' ? '' : 'NOT'} ${IS_ERROR}`}
    UNION ALL
    SELECT request_id, 0 FROM ${looked('request_id', '1 OFFSET ?5 - 1')}
    LIMIT ?4`;
}
