import type { AppContext, Env } from '../env.ts';
import { describe, logLine } from '../http/log.ts';
import type { RequestOutcome } from '../metering/outcome.ts';
import type { ClientAnswer } from '../upstream/answer-client.ts';
import { headerSafe } from '../upstream/sse.ts';
import { within } from '../within.ts';
import { cacheKey, type Shaping } from './cache-key.ts';
import type { StoredAnswer } from './stored-answer.ts';

/** Answers are fresh for 5 to 15 minutes, whatever CACHE_TTL_SECONDS says beyond that. */
const TTL_SECONDS = { min: 300, max: 900 };
/** Kept beyond that for when no upstream answers (RFC 5861, `stale-if-error`). */
const STALE_SECONDS = 3_600;
/** KV answers in milliseconds; later than this the model may as well be asked. */
const LOOK_UP_MS = 500;
/** KV would take 25 MiB; what is longer is not asked for twice. */
const BODY_MAX_CHARS = 2 * 1024 * 1024;

/** What a request has to do with the cache. */
export interface CacheUse {
  /** Whether an answer that is there may be given. */
  read: boolean;
  /** Whether its answer may be kept. */
  write: boolean;
}

/**
 * What a request wants of the cache: a deterministic one whatever there is, unless it is private; another
 * what its `x-gateway-cache` asks for. `cache-control: no-cache` wants a new answer, which is kept;
 * `no-store` leaves the cache alone.
 *
 * @param asked `x-gateway-cache`; null: it does not say.
 * @param deterministic null: its answer may not be given twice, whatever it asks.
 */
export function cacheUse(
  c: AppContext,
  { asked, deterministic, isPrivate }: { asked: boolean | null; deterministic: boolean | null; isPrivate: boolean },
): CacheUse {
  const wanted =
    deterministic !== null && (asked ?? (deterministic && !isPrivate)) && Number(c.env.CACHE_TTL_SECONDS) > 0;
  const directives = (c.req.header('cache-control') ?? '')
    .toLowerCase()
    .split(',')
    .map((directive) => directive.trim());
  const noStore = directives.includes('no-store');
  return { read: wanted && !noStore && !directives.includes('no-cache'), write: wanted && !noStore };
}

/** What a look into the cache found. */
export interface CacheFinding {
  /** Where the answer is to be kept; null: nowhere. */
  key: string | null;
  /** A fresh answer. */
  answer: StoredAnswer | null;
  /** One that is too old to be given, unless nobody else answers. */
  stale: StoredAnswer | null;
}

/** Of a request that is to leave the cache alone. */
export const NO_USE: CacheUse = { read: false, write: false };

const NOTHING_FOUND: CacheFinding = { key: null, answer: null, stale: null };

/** What is known of a stored answer beside its body. */
interface Stored {
  contentType: string;
  model: string;
  finishReason: string | null;
  /** Unix ms. */
  storedAt: number;
}

/** Looks a request's answer up. A cache that fails has nothing. */
export async function lookUp(env: Env, { read, write }: CacheUse, shaping: Shaping): Promise<CacheFinding> {
  if (!read && !write) return NOTHING_FOUND;
  // A body that is nested too deep has no key.
  const key = await cacheKey(shaping).catch(() => null);
  if (key === null) return NOTHING_FOUND;
  const reading = read ? within(LOOK_UP_MS, env.CACHE.getWithMetadata<Stored>(key, 'text')) : null;
  const found = await reading?.catch(() => null);
  if (!found?.value || !found.metadata) return { ...NOTHING_FOUND, key: write ? key : null };
  const { contentType, model, finishReason, storedAt } = found.metadata;
  const age = Math.max(0, Math.floor((Date.now() - storedAt) / 1000));
  const headers = { 'x-cache': 'HIT', age: String(age) };
  const stored = { contentType, model, finishReason, body: found.value, headers };
  const fresh = age < ttlSeconds(env);
  return { key: write ? key : null, answer: fresh ? stored : null, stale: fresh ? null : stored };
}

/**
 * Keeps an answer, if it is one that may be given again: whole, and ended by the model itself. One that
 * calls tools is none, for the ids of its calls would come twice. Never rejects.
 *
 * @param answered null: there is none.
 * @param asAsked whether who answered is who was asked for. To be called at the end.
 */
export async function keep(
  env: Env,
  key: string,
  answered: Promise<ClientAnswer | null>,
  outcome: Promise<RequestOutcome>,
  asAsked: () => boolean,
): Promise<void> {
  const [answer, { event }] = await Promise.all([answered, outcome]);
  const ended = await answer?.ending;
  if (!answer || !ended || 'failure' in ended || ended.end !== 'complete') return;
  if (ended.body === null || !ended.repeatable || !asAsked()) return;
  const { finish_reason: finishReason, usage_source: source } = event;
  const natural = finishReason === 'stop' || (finishReason === null && event.output_tokens === 0);
  if (!natural || source !== 'provider' || ended.body.length > BODY_MAX_CHARS) return;
  const { headers } = answer.response;
  const metadata: Stored = {
    contentType: headers.get('content-type') ?? '',
    model: headers.get('x-gateway-model') ?? headerSafe(event.model ?? ''),
    finishReason,
    storedAt: Date.now(),
  };
  await env.CACHE.put(key, ended.body, { metadata, expirationTtl: ttlSeconds(env) + STALE_SECONDS }).catch(
    (error: unknown) =>
      logLine('error', { event: 'answer_not_cached', request_id: event.request_id, error: describe(error) }),
  );
}

function ttlSeconds(env: Env): number {
  return Math.min(TTL_SECONDS.max, Math.max(TTL_SECONDS.min, Number(env.CACHE_TTL_SECONDS)));
}
