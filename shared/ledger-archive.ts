import { sha256Hex } from './ids.ts';

/** The tables whose rows an archive holds. */
export const ARCHIVED_TABLES = ['usage_logs', 'unpriced_attempts'] as const;
type ArchivedTable = (typeof ARCHIVED_TABLES)[number];

/** A row with all of its columns, but for generated ones. */
export type ArchivedRow = Record<string, string | number | null> & { request_id: string };

/** What an archive holds: requests whole, that is all of their ledger rows and all of their unpriced attempts. */
export type ArchivedRows = Record<ArchivedTable, ArchivedRow[]>;

/** An archive's row in `ledger_archives`, see schema.sql. */
export interface LedgerArchive {
  object: string;
  first_request_id: string;
  last_request_id: string;
  rows: number;
  cost_nano_usd: number;
  sha256: string;
  archived_at: number;
  deleted_at: number | null;
  restored_at: number | null;
}

/**
 * Rows as the bytes of an archive: gzipped NDJSON, a row a line, each beginning with `"table"`.
 *
 * @returns the bytes, and their SHA-256 in lower-case hex.
 */
export async function packArchive(rows: ArchivedRows): Promise<{ bytes: Uint8Array<ArrayBuffer>; sha256: string }> {
  const lines = ARCHIVED_TABLES.flatMap((table) => rows[table].map((row) => JSON.stringify({ table, ...row })));
  const bytes = await through(new CompressionStream('gzip'), `${lines.join('\n')}\n`);
  return { bytes, sha256: await sha256Hex(bytes) };
}

/** What {@link packArchive} packed. */
export async function unpackArchive(bytes: Uint8Array<ArrayBuffer>): Promise<ArchivedRows> {
  const text = new TextDecoder().decode(await through(new DecompressionStream('gzip'), bytes));
  const rows: ArchivedRows = { usage_logs: [], unpriced_attempts: [] };
  for (const line of text.trimEnd().split('\n')) {
    const { table, ...row } = JSON.parse(line) as ArchivedRow & { table: ArchivedTable };
    rows[table].push(row as ArchivedRow);
  }
  return rows;
}

/** The entry of an archive in `ledger_archives` as it is before its rows leave D1, and its object's key. */
export function archiveOf(rows: readonly ArchivedRow[], sha256: string, archivedAt: number): LedgerArchive {
  const ids = rows.map(({ request_id }) => request_id).sort();
  const [first = '', last = ''] = [ids[0], ids.at(-1)];
  const day = new Date(Number(rows[0]?.created_at)).toISOString().slice(0, 10).replaceAll('-', '/');
  return {
    // Named by its content: whoever writes it, and however late, writes the same bytes.
    object: `ledger/${day}/${first}_${last}_${sha256.slice(0, 16)}.ndjson.gz`,
    first_request_id: first,
    last_request_id: last,
    rows: rows.length,
    cost_nano_usd: rows.reduce((sum, { cost_nano_usd }) => sum + Number(cost_nano_usd ?? 0), 0),
    sha256,
    archived_at: archivedAt,
    deleted_at: null,
    restored_at: null,
  };
}

/** The key of the manifest beside an archive's object; one that has none was not finished, its rows are in D1. */
export function manifestKey(object: string): string {
  return object.replace(/\.ndjson\.gz$/, '.manifest.json');
}

async function through(
  transform: CompressionStream | DecompressionStream,
  data: string | Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(new Blob([data]).stream().pipeThrough(transform)).arrayBuffer());
}
