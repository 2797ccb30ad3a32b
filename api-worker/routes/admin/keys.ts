import * as z from 'zod';
import { sha256Hex, uuidv7 } from '../../../shared/ids.ts';
import { keyPrefix, mintKey } from '../../auth/api-key.ts';
import { keyName } from '../../auth/authenticate.ts';
import { forget } from '../../auth/findings.ts';
import { PERMISSIONS, Permission } from '../../auth/principal.ts';
import type { AppContext } from '../../env.ts';
import { ApiError } from '../../http/errors.ts';
import { readBody, readQuery } from '../../http/input.ts';
import { INTEGER } from '../../http/validate.ts';
import { apply, inDatabase, notFound, seconds } from './change.ts';
import { requireTier } from './limits.ts';
import { PageQuery, pageOf } from './page.ts';
import { requireUser } from './users.ts';

/** A rotated key works on for so long if nothing else is said: a deployment's time. */
const OVERLAP_SECONDS = 86_400;
const OVERLAP_MAX_SECONDS = 30 * 86_400;

const fields = {
  name: z.string().trim().min(1).max(256),
  permissions: z
    .array(Permission)
    .min(1)
    .transform((given) => PERMISSIONS.filter((permission) => given.includes(permission))),
  rate_limit: z.int().min(0, INTEGER).max(Number.MAX_SAFE_INTEGER, INTEGER).nullable(),
  tier: z.string().min(1).max(64).nullable(),
  resume: z.boolean(),
  privacy: z.boolean(),
  /** Unix seconds. */
  expires_at: z.int().min(0, INTEGER).max(99_999_999_999, INTEGER).nullable(),
};
export const KeyCreation = z.strictObject({
  name: fields.name.default('API key'),
  permissions: fields.permissions.default(['read', 'write']),
  rate_limit: fields.rate_limit.default(null),
  tier: fields.tier.default(null),
  resume: fields.resume.default(false),
  privacy: fields.privacy.default(false),
  expires_at: fields.expires_at.default(null),
});
export const KeyChange = z
  .strictObject(fields)
  .partial()
  .refine((change) => Object.keys(change).length > 0, { message: 'Nothing to change: the request body is empty.' })
  .meta({ minProperties: 1 });
export const Rotation = z.strictObject({
  overlap_seconds: z.int().min(0, INTEGER).max(OVERLAP_MAX_SECONDS, INTEGER).default(OVERLAP_SECONDS),
});
export const KeysQuery = PageQuery.extend({ user_id: z.string().max(256).optional() });

/** As in api_keys of schema.sql. */
interface Row {
  id: string;
  user_id: string;
  key_hash: string;
  key_prefix: string;
  name: string;
  permissions: string;
  rate_limit: number | null;
  tier: string | null;
  resume: number;
  privacy: number;
  is_active: number;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
}

const INSERT = `
  INSERT INTO api_keys (id, user_id, key_hash, key_prefix, name, permissions, rate_limit, tier, resume, privacy, created_at, expires_at)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)`;

/** POST /admin/users/{id}/keys: the answer is the only place where the key is ever shown. */
export async function createKey(c: AppContext): Promise<Response> {
  const userId = c.req.param('id') ?? '';
  const asked = await readBody(c, KeyCreation);
  await requireUser(c, userId);
  await requireTier(c, asked.tier);
  const { key, row } = await newKey({
    ...asked,
    user_id: userId,
    permissions: JSON.stringify(asked.permissions),
    resume: Number(asked.resume),
    privacy: Number(asked.privacy),
    expires_at: asked.expires_at === null ? null : asked.expires_at * 1000,
  });
  await apply(c, { action: 'key.create', target: row.id, changes: { user_id: userId, ...asked } }, [insert(c, row)]);
  return c.json({ ...shown(row), key }, 201);
}

/** GET /admin/keys, of all accounts or of `user_id`, revoked ones included. */
export async function listKeys(c: AppContext): Promise<Response> {
  const { limit, after, user_id } = readQuery(c, KeysQuery);
  const where = user_id === undefined ? '' : 'AND user_id = ?3';
  const bound = user_id === undefined ? [] : [user_id];
  const { results } = await inDatabase(() =>
    c.env.DB.prepare(`SELECT * FROM api_keys WHERE id > ?1 ${where} ORDER BY id LIMIT ?2`)
      .bind(after, limit + 1, ...bound)
      .all<Row>(),
  );
  return c.json(pageOf(results.map(shown), limit));
}

/** GET /admin/keys/{id} */
export async function retrieveKey(c: AppContext): Promise<Response> {
  return c.json(shown(await requireKey(c)));
}

/** PATCH /admin/keys/{id} */
export async function updateKey(c: AppContext): Promise<Response> {
  const change = await readBody(c, KeyChange);
  const row = await requireKey(c);
  await requireTier(c, change.tier);
  const columns = columnsOf(change);
  // Only what is asked for: the rest may have been changed since the row was read, as by a rotation.
  const set = Object.keys(columns).map((column, n) => `${column} = ?${n + 2}`);
  await apply(c, { action: 'key.update', target: row.id, changes: change }, [
    c.env.DB.prepare(`UPDATE api_keys SET ${set.join(', ')} WHERE id = ?1`).bind(row.id, ...Object.values(columns)),
  ]);
  await forget(c.env, [keyName(row.key_hash)]);
  return c.json(shown(await requireKey(c)));
}

/** POST /admin/keys/{id}/rotate: a new key like it; the old one works on for `overlap_seconds`. */
export async function rotateKey(c: AppContext): Promise<Response> {
  const { overlap_seconds } = await readBody(c, Rotation);
  const old = await requireKey(c);
  const now = Date.now();
  if (old.is_active === 0 || (old.expires_at !== null && old.expires_at <= now)) {
    throw new ApiError(409, {
      message: `The key '${old.id}' is revoked or has expired: create a new one.`,
      code: 'key_not_active',
    });
  }
  // Rotating must not prolong the old key, nor limit the new one to what was left of it.
  const expiresAt = Math.min(old.expires_at ?? Number.POSITIVE_INFINITY, now + overlap_seconds * 1000);
  const { key, row } = await newKey({ ...old, expires_at: null });
  await apply(c, { action: 'key.rotate', target: old.id, changes: { new_key_id: row.id, overlap_seconds } }, [
    insert(c, row),
    c.env.DB.prepare('UPDATE api_keys SET expires_at = ?2 WHERE id = ?1').bind(old.id, expiresAt),
  ]);
  await forget(c.env, [keyName(old.key_hash)]);
  return c.json({ ...shown(row), key, rotated: shown({ ...old, expires_at: expiresAt }) }, 201);
}

/** DELETE /admin/keys/{id}: refused everywhere within 60 s, here at once. Revoking again changes nothing. */
export async function revokeKey(c: AppContext): Promise<Response> {
  const row = await requireKey(c);
  if (row.is_active === 1) {
    await apply(c, { action: 'key.revoke', target: row.id, changes: { is_active: false } }, [
      c.env.DB.prepare('UPDATE api_keys SET is_active = 0 WHERE id = ?1').bind(row.id),
    ]);
  }
  await forget(c.env, [keyName(row.key_hash)]);
  return c.json({ object: 'api_key.deleted', id: row.id, deleted: true });
}

/** A change as columns of api_keys. */
function columnsOf({ permissions, resume, privacy, expires_at, ...columns }: z.infer<typeof KeyChange>): Partial<Row> {
  return {
    ...(columns as Partial<Row>),
    ...(permissions && { permissions: JSON.stringify(permissions) }),
    ...(resume !== undefined && { resume: Number(resume) }),
    ...(privacy !== undefined && { privacy: Number(privacy) }),
    ...(expires_at !== undefined && { expires_at: expires_at === null ? null : expires_at * 1000 }),
  };
}

async function requireKey(c: AppContext): Promise<Row> {
  const id = c.req.param('id') ?? '';
  const row = await inDatabase(() => c.env.DB.prepare('SELECT * FROM api_keys WHERE id = ?1').bind(id).first<Row>());
  if (!row) throw notFound('key', id);
  return row;
}

type Granted = Pick<
  Row,
  'user_id' | 'name' | 'permissions' | 'rate_limit' | 'tier' | 'resume' | 'privacy' | 'expires_at'
>;

async function newKey({ user_id, name, permissions, rate_limit, tier, resume, privacy, expires_at }: Granted) {
  const key = mintKey();
  const now = Date.now();
  const row: Row = {
    id: `key_${uuidv7(now)}`,
    user_id,
    key_hash: await sha256Hex(key),
    key_prefix: keyPrefix(key),
    name,
    permissions,
    rate_limit,
    tier,
    resume,
    privacy,
    is_active: 1,
    created_at: now,
    expires_at,
    last_used_at: null,
  };
  return { key, row };
}

function insert(c: AppContext, row: Row): D1PreparedStatement {
  const {
    id,
    user_id,
    key_hash,
    key_prefix,
    name,
    permissions,
    rate_limit,
    tier,
    resume,
    privacy,
    created_at,
    expires_at,
  } = row;
  return c.env.DB.prepare(INSERT).bind(
    ...[
      id,
      user_id,
      key_hash,
      key_prefix,
      name,
      permissions,
      rate_limit,
      tier,
      resume,
      privacy,
      created_at,
      expires_at,
    ],
  );
}

/** A key as the API shows it: its beginning, never the key, nor its hash. */
function shown({ key_hash: _, key_prefix, permissions, resume, privacy, is_active, ...row }: Row) {
  return {
    object: 'api_key',
    ...row,
    prefix: key_prefix,
    permissions: JSON.parse(permissions) as Permission[],
    resume: resume === 1,
    privacy: privacy === 1,
    is_active: is_active === 1,
    created_at: seconds(row.created_at),
    expires_at: seconds(row.expires_at),
    last_used_at: seconds(row.last_used_at),
  };
}
