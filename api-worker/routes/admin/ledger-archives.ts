import * as z from 'zod';
import { RESTORED_FOR_MS } from '../../../shared/archived.ts';
import {
  ARCHIVED_TABLES,
  type ArchivedRow,
  type ArchivedRows,
  type LedgerArchive,
} from '../../../shared/ledger-archive.ts';
import { piecesOf } from '../../../shared/pieces.ts';
import { readArchive } from '../../../shared/read-archive.ts';
import type { AppContext } from '../../env.ts';
import { ApiError, unavailable } from '../../http/errors.ts';
import { readBody, readQuery } from '../../http/input.ts';
import { apply, inDatabase, notFound, seconds } from './change.ts';
import { PageQuery, pageOf } from './page.ts';

export const ArchivesQuery = PageQuery.extend({ request_id: z.uuidv7().optional() });
export const Restoration = z.strictObject({});

/** Half of what D1 takes as one value. */
const PIECE_MAX_BYTES = 1_000_000;

/** That it is restored is told by which of the two times is later. */
const RESTORED =
  'UPDATE ledger_archives SET restored_at = max(?2, deleted_at + 1) WHERE object = ?1 AND deleted_at IS NOT NULL';

/** GET /admin/ledger-archives, the oldest first; of `request_id` those that may hold it. */
export async function listLedgerArchives(c: AppContext): Promise<Response> {
  const { limit, after, request_id } = readQuery(c, ArchivesQuery);
  const { results } = await inDatabase(() =>
    c.env.DB.prepare(
      `SELECT * FROM ledger_archives
        WHERE object > ?1 AND (?3 IS NULL OR ?3 BETWEEN first_request_id AND last_request_id)
        ORDER BY object LIMIT ?2`,
    )
      .bind(after, limit + 1, request_id ?? null)
      .all<LedgerArchive>(),
  );
  return c.json(pageOf(results.map(shown), limit));
}

/**
 * POST /admin/ledger-archives/{id}/restore: the rows come back into D1 as they were, all or none, and
 * stay for a week; rollups have never been without them. Restoring again prolongs that.
 */
export async function restoreLedgerArchive(c: AppContext): Promise<Response> {
  const id = c.req.param('id') ?? '';
  await readBody(c, Restoration);
  const bucket = c.env.LEDGER_ARCHIVE;
  if (!bucket) {
    throw new ApiError(400, {
      message: 'There is nothing to restore from: no R2 bucket is bound to the API worker as LEDGER_ARCHIVE.',
      code: 'ledger_archive_not_bound',
    });
  }
  const archive = await requireArchive(c, id);
  if (archive.deleted_at === null) {
    throw new ApiError(409, {
      message: `The rows of the archive '${id}' have not left the database.`,
      code: 'archive_not_moved',
    });
  }
  const rows = await readArchive(bucket, archive).catch((cause) => {
    throw unavailable('The bucket of archives cannot be reached at the moment. Please try again.', cause);
  });
  if (!rows) {
    throw new ApiError(500, {
      message: `The object of the archive '${id}' is missing or not the one that was stored. Nothing was restored.`,
      code: 'archive_damaged',
    });
  }
  const { DB } = c.env;
  await apply(c, { action: 'ledger.restore', target: id, changes: { rows: archive.rows } }, [
    ...insertions(DB, rows),
    DB.prepare(RESTORED).bind(id, Date.now()),
  ]);
  return c.json(shown(await requireArchive(c, id)));
}

/** Columns are those that the rows were stored with; one that the schema has got since gets its default. */
function insertions(db: D1Database, rows: ArchivedRows): D1PreparedStatement[] {
  return ARCHIVED_TABLES.flatMap((table) => {
    const columns = columnsOf(rows[table]);
    const sql = `
      INSERT INTO ${table} (${columns.join(', ')})
      SELECT ${columns.map((column) => `value->>'${column}'`).join(', ')} FROM json_each(?1) WHERE true
      ON CONFLICT DO NOTHING`;
    const lines = rows[table].map((row) => JSON.stringify(row));
    return piecesOf(lines, (line) => line, PIECE_MAX_BYTES).map((piece) =>
      db.prepare(sql).bind(`[${piece.join(',')}]`),
    );
  });
}

function columnsOf([row]: readonly ArchivedRow[]): string[] {
  return Object.keys(row ?? {}).filter((name) => /^\w+$/.test(name));
}

async function requireArchive(c: AppContext, id: string): Promise<LedgerArchive> {
  const row = await inDatabase(() =>
    c.env.DB.prepare('SELECT * FROM ledger_archives WHERE object = ?1').bind(id).first<LedgerArchive>(),
  );
  if (!row) throw notFound('archive', id);
  return row;
}

function shown({ object: id, archived_at, deleted_at, restored_at, ...row }: LedgerArchive) {
  const restored = deleted_at !== null && restored_at !== null && restored_at > deleted_at;
  return {
    object: 'ledger.archive',
    id,
    ...row,
    /** Where the rows are: in D1 until they are deleted; in the bucket; in both, for a week. */
    state: deleted_at === null ? 'stored' : restored ? 'restored' : 'moved',
    archived_at: seconds(archived_at),
    deleted_at: seconds(deleted_at),
    restored_at: seconds(restored_at),
    restored_until: restored ? seconds(restored_at + RESTORED_FOR_MS) : null,
  };
}
