import { IS_RESTORED } from '../../shared/archived.ts';
import { firstIdOf } from '../../shared/ids.ts';
import type { ArchivedRow, ArchivedRows } from '../../shared/ledger-archive.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Requests that are looked at together. */
const REQUESTS_MAX = 1_000;
/** Rows of an archive, both tables': what is stored, deleted and restored in one step. A row has at most some 20 kB. */
const ROWS_MAX = 2_000;

/**
 * The next requests that are old enough, by their ids. Not those that are not finished: an attempt is
 * to be asked for, or has tokens and waits for its model's price. Nor those in an archive that is not
 * done yet, or in the span of one that is restored.
 */
const OLD = `
  WITH restored AS MATERIALIZED (SELECT first_request_id, last_request_id FROM ledger_archives WHERE ${IS_RESTORED})
  SELECT request_id
    FROM usage_logs AS own
   WHERE request_id > (SELECT coalesce(max(last_request_id), '') FROM ledger_archives WHERE deleted_at IS NULL)
     AND request_id < ?1 AND adjustment = '' AND created_at < ?2
     AND NOT EXISTS (SELECT 1 FROM usage_logs WHERE request_id = own.request_id AND recorded_at >= ?3)
     AND NOT EXISTS (
       SELECT 1 FROM unpriced_attempts
        WHERE request_id = own.request_id
          AND (state = 'pending' OR (cost_nano_usd IS NULL AND coalesce(input_tokens, output_tokens) IS NOT NULL)))
     AND NOT EXISTS (SELECT 1 FROM restored WHERE own.request_id BETWEEN first_request_id AND last_request_id)
   ORDER BY request_id
   LIMIT ${REQUESTS_MAX}`;

const ROWS = `SELECT * FROM usage_logs WHERE request_id IN (SELECT value FROM json_each(?1)) ORDER BY request_id, adjustment`;
const ATTEMPTS = `SELECT * FROM unpriced_attempts WHERE request_id IN (SELECT value FROM json_each(?1)) ORDER BY request_id, attempt`;

/**
 * Some requests that are older than so many days, whole; none if there are none. Days are UTC's, so
 * that what is old changes at midnight only, and archives are few and large.
 *
 * @param now Unix ms.
 */
export async function oldRequests(db: D1Database, days: number, now: number): Promise<ArchivedRows> {
  const today = now - (now % DAY_MS);
  const before = today - days * DAY_MS;
  // An id is minted as its request arrives: it ends the search, which would walk through all newer rows otherwise.
  const { results } = await db
    .prepare(OLD)
    .bind(firstIdOf(before + HOUR_MS), before, today - DAY_MS)
    .all<{ request_id: string }>();
  if (results.length === 0) return { usage_logs: [], unpriced_attempts: [] };
  const ids = results.map(({ request_id }) => request_id);
  const [rows, attempts] = await db.batch<ArchivedRow>(
    [ROWS, ATTEMPTS].map((sql) => db.prepare(sql).bind(JSON.stringify(ids))),
  );
  return firstOf(ids, { usage_logs: (rows?.results ?? []).map(stored), unpriced_attempts: attempts?.results ?? [] });
}

/** As many of the first requests as fit into an archive; at least one. */
function firstOf(ids: readonly string[], rows: ArchivedRows): ArchivedRows {
  const sizes = new Map<string, number>();
  for (const { request_id } of [...rows.usage_logs, ...rows.unpriced_attempts])
    sizes.set(request_id, (sizes.get(request_id) ?? 0) + 1);
  const fits = new Set<string>();
  let total = 0;
  for (const id of ids) {
    total += sizes.get(id) ?? 0;
    if (total > ROWS_MAX && fits.size > 0) break;
    fits.add(id);
  }
  const fitting = (list: ArchivedRow[]) => list.filter(({ request_id }) => fits.has(request_id));
  return { usage_logs: fitting(rows.usage_logs), unpriced_attempts: fitting(rows.unpriced_attempts) };
}

/** Every column, whichever the schema has by then, but for the one that is generated. */
function stored({ cost: _generated, ...row }: ArchivedRow): ArchivedRow {
  return row as ArchivedRow;
}
