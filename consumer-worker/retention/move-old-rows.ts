import type { Env } from '../env.ts';
import { dueArchives, finishArchive } from './finish-archive.ts';
import { oldRequests } from './old-requests.ts';
import { storeArchive } from './store-archive.ts';

/** A run stores so many archives and finishes as many: eight queries each, of the 1,000 that an invocation may ask of D1. */
const ARCHIVES_MAX = 80;
/** A third of what a cron may take. */
const RUN_MS = 5 * 60_000;

/**
 * Moves ledger rows out of D1 that are older than LEDGER_RETENTION_DAYS, a bounded number a run:
 * deletes those that an earlier run has stored in the bucket, then stores the next. Requests move
 * whole, with their corrections and unpriced attempts; rollups stay.
 *
 * @param now Unix ms.
 * @returns counts for the log.
 * @throws what D1 or R2 throws; the next run goes on from there.
 */
export async function moveOldRows(env: Env, now: number): Promise<Record<string, unknown>> {
  const { DB: db, LEDGER_ARCHIVE: bucket } = env;
  const days = /^\d+$/.test(env.LEDGER_RETENTION_DAYS) ? Number(env.LEDGER_RETENTION_DAYS) : 0;
  if (days === 0) return { off: 'LEDGER_RETENTION_DAYS is 0' };
  if (!bucket) return { off: 'no bucket is bound as LEDGER_ARCHIVE' };

  const until = Date.now() + RUN_MS;
  const counts = { stored_rows: 0, stored_archives: 0, moved_rows: 0, moved_archives: 0, dropped_archives: 0 };
  const stuck: string[] = [];
  for (const archive of await dueArchives(db, now, ARCHIVES_MAX)) {
    if (Date.now() > until) break;
    const became = await finishArchive(db, bucket, archive, now);
    if (became === 'stuck') stuck.push(archive.object);
    else counts[`${became}_archives`] += 1;
    if (became === 'moved') counts.moved_rows += archive.rows;
  }
  for (let n = 0; n < ARCHIVES_MAX && Date.now() < until; n += 1) {
    const rows = await oldRequests(db, days, now);
    if (rows.usage_logs.length === 0) break;
    if (!(await storeArchive(db, bucket, rows, now))) continue;
    counts.stored_archives += 1;
    counts.stored_rows += rows.usage_logs.length;
  }
  if (stuck.length > 0) throw new Error(`D1 lacks rows that retention has not deleted: those of ${stuck.join(', ')}`);
  return counts;
}
