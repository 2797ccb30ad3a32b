import { type ArchivedRows, archiveOf, packArchive } from '../../shared/ledger-archive.ts';

/**
 * Enters an archive unless another run has just entered one that overlaps it. One of the same content,
 * that is the same object, whose rows are in D1 once more, is taken up again.
 */
const ENTER = `
  INSERT INTO ledger_archives (object, first_request_id, last_request_id, rows, cost_nano_usd, sha256, archived_at)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
   WHERE NOT EXISTS (SELECT 1 FROM ledger_archives WHERE deleted_at IS NULL AND last_request_id >= ?2)
  ON CONFLICT (object) DO UPDATE SET archived_at = excluded.archived_at, deleted_at = NULL, restored_at = NULL`;

/**
 * Stores rows in the bucket, entered in `ledger_archives` before, and deletes none. After a crash in
 * between there is an entry without its object, of which finish-archive.ts makes nothing.
 *
 * @param now Unix ms.
 * @returns whether it did; not if another run is about to store the same.
 * @throws what D1 or R2 throws; R2 does if it received other bytes than were sent.
 */
export async function storeArchive(
  db: D1Database,
  bucket: R2Bucket,
  rows: ArchivedRows,
  now: number,
): Promise<boolean> {
  const { bytes, sha256 } = await packArchive(rows);
  const archive = archiveOf(rows.usage_logs, sha256, now);
  const { object, first_request_id, last_request_id } = archive;
  const [entered] = await db.batch([
    db.prepare(ENTER).bind(object, first_request_id, last_request_id, archive.rows, archive.cost_nano_usd, sha256, now),
  ]);
  if (entered?.meta.changes === 0) return false;
  await bucket.put(object, bytes, { sha256, httpMetadata: { contentType: 'application/gzip' } });
  return true;
}
