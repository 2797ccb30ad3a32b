import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Where the local D1 is under a state folder. */
export function localDatabaseDir(stateDir: string): string {
  return join(stateDir, 'v3/d1/miniflare-D1DatabaseObject');
}

/**
 * The local D1 under a state folder as SQLite has it, to be read only; it may be in use.
 *
 * @throws Error of one line when there is none, or more than one.
 */
export function openLocalDatabase(stateDir: string): DatabaseSync {
  const dir = localDatabaseDir(stateDir);
  const files = existsSync(dir)
    ? readdirSync(dir).filter((file) => file.endsWith('.sqlite') && !file.startsWith('metadata'))
    : [];
  if (files.length !== 1) throw new Error(`There should be one database in ${dir}, not ${files.length}.`);
  return new DatabaseSync(join(dir, files[0] ?? ''), { readOnly: true });
}
