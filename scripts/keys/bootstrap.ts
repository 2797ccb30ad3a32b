import { keyPrefix, mintKey } from '../../api-worker/auth/api-key.ts';
import { sha256Hex, uuidv7 } from '../../shared/ids.ts';
import { wrangler } from '../wrangler.ts';
import type { Shown } from './table.ts';

/**
 * Creates the first admin key of a deployed system, straight in its D1: without one the Admin API lets
 * nobody in. Audited as every other change.
 *
 * @throws Error of one line.
 */
export async function bootstrap(environment: string, user: string): Promise<Shown> {
  if (!/^(staging|production)$/.test(environment)) throw new Error('--env must be staging or production.');
  if (!/^[\w.@:+-]{1,128}$/.test(user)) throw new Error('--user must be letters, digits and any of _ . @ : + -');
  const key = mintKey();
  const id = `key_${uuidv7()}`;
  wrangler([
    ...['d1', 'execute', 'DB', '--remote', '--yes', '--env', environment, '-c', 'wrangler.api.toml'],
    ...['--command', bootstrapSql({ id, user, hash: await sha256Hex(key), prefix: keyPrefix(key) }, Date.now())],
  ]);
  return {
    id,
    key,
    user_id: user,
    name: 'bootstrap',
    prefix: keyPrefix(key),
    permissions: ['admin'],
    tier: null,
    rate_limit: null,
    is_active: true,
    created_at: Math.floor(Date.now() / 1000),
    expires_at: null,
    last_used_at: null,
  };
}

/** The statements; all values are of our own making or checked to hold no quote. */
export function bootstrapSql(key: { id: string; user: string; hash: string; prefix: string }, now: number): string {
  return `
INSERT OR IGNORE INTO users (id, name, created_at) VALUES ('${key.user}', '${key.user}', ${now});
INSERT INTO api_keys (id, user_id, key_hash, key_prefix, name, permissions, created_at)
VALUES ('${key.id}', '${key.user}', '${key.hash}', '${key.prefix}', 'bootstrap', '["admin"]', ${now});
INSERT INTO audit_log (id, actor_user_id, actor_key_id, action, target, changes, request_id, created_at)
VALUES ('${uuidv7(now)}', '${key.user}', 'bootstrap', 'key.create', '${key.id}', '{"permissions":["admin"]}', 'bootstrap', ${now});`;
}
