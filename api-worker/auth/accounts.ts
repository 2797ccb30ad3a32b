import * as z from 'zod';
import { LIMIT_NAMES, Limits } from '../limits/limits.ts';
import { Permission, type Principal } from './principal.ts';

/** The account's own limits over its tier's. */
const EFFECTIVE_LIMITS = LIMIT_NAMES.map((name) => `coalesce(own.${name}, tier.${name}) AS ${name}`).join(', ');

const KEY = `
  SELECT k.id, k.user_id, k.permissions, k.rate_limit, k.resume, k.privacy, k.expires_at, ${EFFECTIVE_LIMITS}
    FROM api_keys k
    JOIN users u ON u.id = k.user_id AND u.is_active = 1
    LEFT JOIN rate_limits tier ON tier.scope = 'tier' AND tier.subject = coalesce(k.tier, u.tier)
    LEFT JOIN rate_limits own ON own.scope = 'account' AND own.subject = k.user_id
   WHERE k.key_hash = ?1 AND k.is_active = 1`;

/** One row for any id: a token may name an account that has none in `users`. */
const ACCOUNT = `
  SELECT coalesce(u.is_active, 1) AS is_active, ${EFFECTIVE_LIMITS}
    FROM (SELECT ?1 AS id) named
    LEFT JOIN users u ON u.id = named.id
    LEFT JOIN rate_limits tier ON tier.scope = 'tier' AND tier.subject = coalesce(?2, u.tier, 'free')
    LEFT JOIN rate_limits own ON own.scope = 'account' AND own.subject = named.id`;

const KeyRow = Limits.extend({
  id: z.string(),
  user_id: z.string(),
  permissions: z.string().transform((json) => z.array(Permission).parse(JSON.parse(json))),
  rate_limit: z.int().nullable(),
  resume: z.int(),
  privacy: z.int(),
  expires_at: z.number().nullable(),
});

/**
 * Who an active key of an active account belongs to, by the key's hash; null: there is none.
 *
 * @throws when D1 cannot be read.
 */
export async function readKey(db: D1Database, keyHash: string): Promise<Principal | null> {
  const row = await db.prepare(KEY).bind(keyHash).first();
  if (!row) return null;
  const { id, user_id, permissions, rate_limit, resume, privacy, expires_at, ...limits } = KeyRow.parse(row);
  return {
    keyId: id,
    userId: user_id,
    permissions,
    limits,
    keyRateLimit: rate_limit,
    resume: resume === 1,
    privacy: privacy === 1,
    expiresAt: expires_at,
  };
}

/**
 * The limits of an account that a token names; null: the account is inactive. One that is not in
 * `users` has its tier's.
 *
 * @param tier as the token says; null: the account's own, or `free` where there is none.
 * @throws when D1 cannot be read.
 */
export async function readLimits(db: D1Database, userId: string, tier: string | null): Promise<Limits | null> {
  const row = await db.prepare(ACCOUNT).bind(userId, tier).first<Limits & { is_active: number }>();
  return row?.is_active === 1 ? Limits.parse(row) : null;
}
