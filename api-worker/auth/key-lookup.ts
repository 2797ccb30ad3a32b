import * as z from 'zod';
import type { Env } from '../env.ts';
import { Principal } from './principal.ts';

/** For how long a key's state may be out of date, whatever the number of caches it came through. */
const FRESH_MS = 60_000;
/** KV's shortest time to live. */
const KV_TTL_SECONDS = 60;
const MEMORY_ENTRIES = 10_000;

/** What a hash stands for, with the moment up to which it may be believed. `principal` null: no such active key. */
const Finding = z.object({ principal: Principal.nullable(), freshUntil: z.number() });
type Finding = z.infer<typeof Finding>;

/** Findings of this isolate by key hash, oldest first. */
const memory = new Map<string, Finding>();

/**
 * Finds who a key belongs to by its hash: isolate memory, then KV, then D1. Each finding carries the
 * time at which D1 said it, so a revoked key is out everywhere within 60 s. Unknown keys are found
 * likewise, so that trying one again does not reach D1.
 *
 * @param keepAlive takes the cache writes, which the caller does not wait for (`ctx.waitUntil`).
 * @throws when D1 cannot be read.
 */
export async function findPrincipal(
  env: Env,
  keyHash: string,
  keepAlive: (work: Promise<unknown>) => void,
  now: number = Date.now(),
): Promise<Principal | null> {
  const known = memory.get(keyHash);
  if (known && known.freshUntil > now) return known.principal;

  const kvKey = `key:${keyHash}`;
  // KV is a cache: when it fails, D1 still knows.
  const cached = Finding.safeParse(await env.CACHE.get(kvKey, 'json').catch(() => null));
  if (cached.success && cached.data.freshUntil > now) return remember(keyHash, cached.data);

  const finding = { principal: await readKey(env.DB, keyHash), freshUntil: now + FRESH_MS };
  const write = env.CACHE.put(kvKey, JSON.stringify(finding), { expirationTtl: KV_TTL_SECONDS });
  keepAlive(write.catch(() => undefined));
  return remember(keyHash, finding);
}

function remember(keyHash: string, finding: Finding): Principal | null {
  memory.delete(keyHash);
  memory.set(keyHash, finding);
  if (memory.size > MEMORY_ENTRIES) {
    const oldest = memory.keys().next().value;
    if (oldest !== undefined) memory.delete(oldest);
  }
  return finding.principal;
}

async function readKey(db: D1Database, keyHash: string): Promise<Principal | null> {
  const row = await db
    .prepare('SELECT id, user_id, rate_limit FROM api_keys WHERE key_hash = ?1 AND is_active = 1')
    .bind(keyHash)
    .first<{ id: string; user_id: string; rate_limit: number | null }>();
  return row && { keyId: row.id, userId: row.user_id, rateLimit: row.rate_limit };
}
