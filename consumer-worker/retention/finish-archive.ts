import { IS_RESTORED, RESTORED_FOR_MS } from '../../shared/archived.ts';
import { runTransaction } from '../../shared/d1.ts';
import { type ArchivedRows, type LedgerArchive, manifestKey } from '../../shared/ledger-archive.ts';
import { readArchive } from '../../shared/read-archive.ts';

/**
 * Rows leave D1 in a later run than the one that stored them. By then that run has ended (a cron gets
 * 15 minutes), and who asked whether a request is archived has acted on the answer.
 */
const SETTLES_MS = 20 * 60_000;

/** Archives whose rows are in D1 and are to leave it: new ones, and those whose restoration is over. */
const LIST = `
  SELECT * FROM ledger_archives
   WHERE (deleted_at IS NULL AND archived_at < ?1) OR (${IS_RESTORED} AND restored_at < ?2)
   ORDER BY archived_at, object
   LIMIT ?3`;

// In all statements below: ?1 the archive's object, ?2 the time before which restorations are over, ?3 the
// primary keys of its ledger rows, ?4 those of its attempts with their revisions and times of change, ?5 now.

/** Nobody else has finished it meanwhile, or asked for its rows. */
const STILL_DUE = `object = ?1 AND (deleted_at IS NULL OR (${IS_RESTORED} AND restored_at < ?2))`;

/** The ledger holds every stored row. */
const ALL_THERE = `
  (SELECT count(*) FROM json_each(?3) AS key
     CROSS JOIN usage_logs ON request_id = key.value->>0 AND adjustment = key.value->>1) = json_array_length(?3)`;

/** The ledger holds no other rows of their requests, and the attempts are as they were stored. */
const UNCHANGED = `
  (SELECT count(*) FROM usage_logs
    WHERE request_id IN (SELECT value->>0 FROM json_each(?3))) = json_array_length(?3)
  AND (SELECT count(*) FROM unpriced_attempts
        WHERE request_id IN (SELECT value->>0 FROM json_each(?3))) = json_array_length(?4)
  AND (SELECT count(*) FROM json_each(?4) AS key
         CROSS JOIN unpriced_attempts ON request_id = key.value->>0 AND attempt = key.value->>1
                AND revision = key.value->>2 AND updated_at = key.value->>3) = json_array_length(?4)`;

/** The first statement decides for all of the transaction. */
const LEAVE = [
  `UPDATE ledger_archives SET deleted_at = ?5 WHERE ${STILL_DUE} AND ${ALL_THERE} AND ${UNCHANGED}`,
  ...[
    ['usage_logs', 'adjustment', '?3'],
    ['unpriced_attempts', 'attempt', '?4'],
  ].map(
    ([table, second, keys]) => `
      DELETE FROM ${table}
       WHERE (request_id, ${second}) IN (SELECT value->>0, value->>1 FROM json_each(${keys}))
         AND EXISTS (SELECT 1 FROM ledger_archives WHERE object = ?1 AND deleted_at = ?5 AND NOT coalesce(${IS_RESTORED}, false))`,
  ),
];

/** Where the object cannot be read, that its span holds enough rows must do for {@link ALL_THERE}. */
const ENOUGH_THERE =
  '(SELECT count(*) FROM usage_logs WHERE request_id BETWEEN first_request_id AND last_request_id) >= rows';

/**
 * What became of an archive: its rows left D1 (`moved`); its entry was dropped, as its rows stay in D1
 * to be stored anew (`dropped`); or D1 lacks rows that have not left it by us, so that the archive is
 * left for somebody to look at (`stuck`).
 */
export type Finish = 'moved' | 'dropped' | 'stuck';

/** Archives to finish, the oldest first, at most `limit`. `now` in Unix ms. */
export async function dueArchives(db: D1Database, now: number, limit: number): Promise<LedgerArchive[]> {
  const { results } = await db
    .prepare(LIST)
    .bind(now - SETTLES_MS, now - RESTORED_FOR_MS, limit)
    .all<LedgerArchive>();
  return results;
}

/**
 * Deletes the rows of an archive from D1, once it is read back from the bucket: exactly those that
 * stand in it, all or, if one of its requests has changed since, none; it is dropped then. Several may
 * do so at once, and again after a crash anywhere.
 *
 * @param now Unix ms.
 * @throws what D1 or R2 throws.
 */
export async function finishArchive(
  db: D1Database,
  bucket: R2Bucket,
  archive: LedgerArchive,
  now: number,
): Promise<Finish> {
  const due = [archive.object, now - RESTORED_FOR_MS];
  const stored = await readArchive(bucket, archive);
  if (!stored) return drop(db, bucket, archive.object, ENOUGH_THERE, due);

  const { keys, attempts } = keysOf(stored);
  const manifest = JSON.stringify(manifestOf(archive, stored), null, 2);
  // Before the rows leave: from then on the bucket must explain itself.
  await bucket.put(manifestKey(archive.object), manifest, { httpMetadata: { contentType: 'application/json' } });
  await runTransaction(
    db,
    LEAVE.map((sql) => db.prepare(sql).bind(...due, keys, attempts, now)),
  );
  return drop(db, bucket, archive.object, ALL_THERE, [...due, keys]);
}

/** Drops an archive that is due, if its rows are there. One that is not due any more has been finished. */
async function drop(
  db: D1Database,
  bucket: R2Bucket,
  object: string,
  rowsAreThere: string,
  bound: readonly unknown[],
): Promise<Finish> {
  const found = await db
    .prepare(`SELECT ${rowsAreThere} AS there FROM ledger_archives WHERE ${STILL_DUE}`)
    .bind(...bound)
    .first<{ there: 0 | 1 }>();
  if (!found) return 'moved';
  if (!found.there) return 'stuck';
  await bucket.delete(manifestKey(object));
  await runTransaction(db, [
    db.prepare(`DELETE FROM ledger_archives WHERE ${STILL_DUE} AND ${rowsAreThere}`).bind(...bound),
  ]);
  return 'dropped';
}

/** Primary keys as JSON; of attempts with what tells whether they have changed. */
function keysOf({ usage_logs, unpriced_attempts }: ArchivedRows) {
  return {
    keys: JSON.stringify(usage_logs.map((row) => [row.request_id, row.adjustment])),
    attempts: JSON.stringify(
      unpriced_attempts.map((row) => [row.request_id, row.attempt, row.revision, row.updated_at]),
    ),
  };
}

/** What the bucket says of an archive, for who has nothing but the bucket. */
function manifestOf(archive: LedgerArchive, { usage_logs, unpriced_attempts }: ArchivedRows) {
  const { object, first_request_id, last_request_id, rows, cost_nano_usd, sha256, archived_at } = archive;
  return {
    object,
    format: 'gzipped NDJSON: a row of the table that each line names, as in schema.sql',
    tables: { usage_logs: usage_logs.length, unpriced_attempts: unpriced_attempts.length },
    ...{ first_request_id, last_request_id, rows, cost_nano_usd, sha256 },
    archived_at: new Date(archived_at).toISOString(),
  };
}
