const HOUR_MS = 3_600_000;

/** Restored rows stay in D1 for so long after they were last asked for. */
export const RESTORED_FOR_MS = 7 * 24 * HOUR_MS;

/** Of `ledger_archives`: its rows were brought back and have not left again. */
export const IS_RESTORED = '(restored_at > deleted_at)';

/**
 * Ids whose rows are in no ledger that could meet them, or are about to leave it. An archive whose rows
 * are to be deleted counts before they are, so that no row leaves between this question and the insert
 * that it is asked for.
 */
const ARCHIVED = `
  SELECT DISTINCT asked.value AS request_id
    FROM json_each(?1) AS asked
    JOIN ledger_archives ON asked.value BETWEEN first_request_id AND last_request_id
   WHERE deleted_at IS NULL
      OR (${IS_RESTORED} AND restored_at < ?2)
      OR (${IS_RESTORED} IS NOT TRUE
          AND NOT EXISTS (SELECT 1 FROM usage_logs WHERE request_id = asked.value AND adjustment = ''))`;

/**
 * Which of some requests may have been billed by a ledger row that was moved out of D1: those in the
 * span of an archive that is not restored. To bill them would be to bill them twice, for the primary
 * key is not there to meet them. One that never was billed looks the same: it is no case for silence
 * but for a dead letter, which can be replayed once the archives around it are restored.
 *
 * @param now Unix ms.
 */
export async function archivedAmong(
  db: D1Database,
  requestIds: readonly string[],
  now: number = Date.now(),
): Promise<Set<string>> {
  if (requestIds.length === 0) return new Set();
  const { results } = await db
    .prepare(ARCHIVED)
    .bind(JSON.stringify(requestIds), now - RESTORED_FOR_MS + HOUR_MS)
    .all<{ request_id: string }>();
  return new Set(results.map(({ request_id }) => request_id));
}
