import * as z from 'zod';
import type { Env } from '../env.ts';
import { within } from '../within.ts';

/** For how long what D1 said may be believed, whatever the number of caches it came through. */
const FRESH_MS = 60_000;
/** KV's shortest time to live. */
const KV_TTL_SECONDS = 60;
/** A look into KV that takes longer than D1 does is not waited for. */
const KV_WITHIN_MS = 500;
const MEMORY_ENTRIES = 10_000;

/** What D1 said, null for nothing, and the moment up to which it may be believed. */
interface Finding {
  value: unknown;
  freshUntil: number;
}

/** Findings of this isolate by name, oldest first. */
const memory = new Map<string, Finding>();

interface Search<T> {
  /** What is looked for, such as `key:<hash>`: the name in memory and in KV. */
  name: string;
  schema: z.ZodType<T>;
  /** Asks D1. */
  read: () => Promise<T | null>;
  /** Takes the cache write, which the caller does not wait for (`ctx.waitUntil`). */
  keepAlive: (work: Promise<unknown>) => void;
  /** Runs before D1 is asked; what it throws is thrown. */
  gate?: () => Promise<void>;
  now?: number;
}

/**
 * Finds what D1 knows: in the isolate's memory, then in KV, then in D1. Each finding carries the time
 * at which D1 said it, so that what is revoked is out everywhere within 60 s. That there is nothing is
 * remembered too, in memory alone: names that an attacker makes up are not worth a write each.
 *
 * @throws when D1 cannot be read, or what the gate throws.
 */
export async function find<T>(env: Env, search: Search<T>): Promise<T | null> {
  const { name, schema, now = Date.now() } = search;
  const known = memory.get(name);
  if (known && known.freshUntil > now) return known.value as T | null;

  const kept = z.object({ value: schema, freshUntil: z.number() });
  // KV is a cache: when it fails or is silent, D1 still knows.
  const cached = kept.safeParse(await within(KV_WITHIN_MS, env.CACHE.get(name, 'json')).catch(() => null));
  if (cached.success && cached.data.freshUntil > now) return remember(name, cached.data) as T;

  await search.gate?.();
  const finding = { value: await search.read(), freshUntil: now + FRESH_MS };
  if (finding.value !== null) {
    const write = env.CACHE.put(name, JSON.stringify(finding), { expirationTtl: KV_TTL_SECONDS });
    search.keepAlive(write.catch(() => undefined));
  }
  return remember(name, finding) as T | null;
}

function remember(name: string, finding: Finding): unknown {
  memory.delete(name);
  memory.set(name, finding);
  if (memory.size > MEMORY_ENTRIES) {
    const oldest = memory.keys().next().value;
    if (oldest !== undefined) memory.delete(oldest);
  }
  return finding.value;
}

/** Makes this isolate, and KV for those that have not looked yet, forget what was changed. Never rejects. */
export async function forget(env: Env, names: readonly string[]): Promise<void> {
  for (const name of names) memory.delete(name);
  await Promise.all(names.map((name) => env.CACHE.delete(name).catch(() => undefined)));
}

/** Forgets all that this isolate found: after a change that concerns more names than are known. */
export function forgetAll(): void {
  memory.clear();
}
