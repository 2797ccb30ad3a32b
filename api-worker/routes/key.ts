import type { AppContext } from '../env.ts';

/** Bound to a key's id. The tier is the key's own, or else its account's. */
const NAME_AND_TIER = `
  SELECT k.name, coalesce(k.tier, u.tier) AS tier
    FROM api_keys AS k JOIN users AS u ON u.id = k.user_id
   WHERE k.id = ?1`;

/**
 * GET /v1/key: what the credential is that asks, and what it may do. The name and the tier, which no request
 * needs, are read from D1; null where they are not known: of a token, or while D1 is away.
 */
export async function key(c: AppContext): Promise<Response> {
  const { keyId, userId, permissions, keyRateLimit, expiresAt } = c.var.principal;
  const known = await c.env.DB.prepare(NAME_AND_TIER)
    .bind(keyId)
    .first<{ name: string; tier: string }>()
    .catch(() => null);
  return c.json({
    object: 'key',
    id: keyId,
    name: known?.name ?? null,
    user_id: userId,
    tier: known?.tier ?? null,
    permissions,
    rate_limit: keyRateLimit,
    expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
  });
}
