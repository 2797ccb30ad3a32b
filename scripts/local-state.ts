import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../shared/ids.ts';
import { wrangler } from './wrangler.ts';

/** The key that `npm start` creates: only ever in the local database. */
export const LOCAL_KEY = 'sk-local-development';

/**
 * Applies schema.sql to the local D1 under `stateDir` and sees to the account `local` with its key.
 * Harmless to repeat with the same schema. There are no migrations: nothing local is worth one.
 *
 * @throws Error of one line when the schema cannot be read or applied, or what is there is of another one.
 */
export async function prepareLocalDatabase(stateDir: string, schemaPath = 'schema.sql'): Promise<void> {
  let schema: string;
  try {
    schema = readFileSync(schemaPath, 'utf8');
  } catch (error) {
    throw new Error(`Cannot read ${schemaPath}: ${(error as NodeJS.ErrnoException).code}`);
  }
  const mark = join(stateDir, 'schema.sha256');
  const hash = await sha256Hex(schema);
  const made = existsSync(mark) ? readFileSync(mark, 'utf8') : null;
  if (existsSync(join(stateDir, 'v3')) && made !== hash) {
    throw new Error(`${stateDir} was made by another version of ${schemaPath}: delete it, and start again.`);
  }
  const now = Date.now();
  const seed = `
INSERT OR IGNORE INTO users (id, name, created_at) VALUES ('local', 'Local development', ${now});
INSERT OR IGNORE INTO api_keys (id, user_id, key_hash, key_prefix, name, permissions, created_at)
VALUES ('key_local', 'local', '${await sha256Hex(LOCAL_KEY)}', 'sk-local', 'npm start', '["read","write","admin"]', ${now});
`;
  mkdirSync(stateDir, { recursive: true });
  const file = join(stateDir, 'prepare.sql');
  writeFileSync(file, schema + seed);
  try {
    wrangler(['d1', 'execute', 'DB', '--local', '--persist-to', stateDir, '--file', file, '-c', 'wrangler.api.toml']);
  } catch (error) {
    throw new Error(`Cannot apply ${schemaPath}: ${(error as Error).message}`);
  }
  writeFileSync(mark, hash);
}
