import { sha256Hex } from './ids.ts';
import { type ArchivedRows, type LedgerArchive, unpackArchive } from './ledger-archive.ts';

/**
 * The rows of an archive out of its bucket; null where its object is missing or is not the one that was
 * stored.
 *
 * @throws what R2 throws.
 */
export async function readArchive(
  bucket: R2Bucket,
  { object, sha256 }: Pick<LedgerArchive, 'object' | 'sha256'>,
): Promise<ArchivedRows | null> {
  const body = await bucket.get(object);
  if (!body) return null;
  const bytes = new Uint8Array(await body.arrayBuffer());
  return (await sha256Hex(bytes)) === sha256 ? unpackArchive(bytes) : null;
}
