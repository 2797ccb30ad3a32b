import { createMiddleware } from 'hono/factory';
import pRetry from 'p-retry';
import type { App, AppContext, Env } from '../env.ts';
import { ApiError, retryAfter } from '../http/errors.ts';
import { describe, logLine } from '../http/log.ts';
import { within } from '../within.ts';
import type { AccountLimiter, AccountStanding } from './account-limiter.ts';
import { type Ask, LEASE_MS, type Rates, type ResolvedLimits, type Settlement, type Verdict } from './books.ts';
import type { Undelivered } from './books-storage.ts';
import type { Limits } from './limits.ts';
import { rateLimitHeaders } from './rate-limit-headers.ts';
import { tooManyRequests } from './refusals.ts';

/** An object that has not answered by then is out of reach. */
const LIMITER_TIMEOUT_MS = 3_000;
/** Twice within a lease, so that one lost call does not end it. */
const RENEW_MS = LEASE_MS / 2.5;
/** Within the 30 s that `waitUntil` leaves; a reservation that is not settled by then ends with its lease. */
const SETTLE_RETRIES = { retries: 4, minTimeout: 200, maxTimeout: 3_000, randomize: true };

/** What a request may use, before it is known. */
export interface Estimate {
  /** A likely amount. */
  tokens: number;
  /** Never less than what it will cost, as far as that can be known. */
  costNanoUsd: number;
}

/** An admitted request. */
export interface Admission {
  /** Of the account's cached answers; null: not known, for the limiter is out of reach. */
  cacheGeneration: number | null;
  /**
   * Reserves up to a new bound of the request's whole cost, for one more attempt; false: the budget has
   * no room for it. Never rejects.
   */
  raise(costNanoUsd: number): Promise<boolean>;
  /** To be called once, at the end, whatever it was. Never rejects. */
  settle(settlement: Settlement): Promise<void>;
  /** Keeps an event that its queue would not take. @throws when the limiter cannot be reached. */
  keep(undelivered: Undelivered): Promise<void>;
}

/**
 * Asks the account's limiter, once, whether the request may go on. While the limiter is out of reach
 * the location's own counter decides: a bounded allowance, without reservation.
 *
 * @throws ApiError 429 with what was reached and when to try again.
 */
export async function admit(
  c: AppContext,
  { tokens, costNanoUsd }: Estimate,
  requestedModel: string,
): Promise<Admission> {
  const { userId } = c.var.principal;
  const ask: Ask = {
    ...credentialOf(c),
    requestId: c.var.requestId,
    userId,
    endpoint: c.req.path,
    requestedModel,
    arrivedAt: c.var.arrivedAt,
    tokens,
    costNanoUsd,
  };
  const keep = (undelivered: Undelivered): Promise<void> =>
    callLimiter(c.env, userId, async (limiter) => limiter.keep(undelivered));
  let verdict: Verdict & { cacheGeneration: number };
  try {
    verdict = await callLimiter(c.env, userId, (limiter) => limiter.admit(ask));
  } catch (error) {
    logLine('error', {
      event: 'limiter_unreachable',
      request_id: ask.requestId,
      user_id: userId,
      error: describe(error),
    });
    await admitLocally(c.env, userId).catch((refused: unknown) => {
      // It may have been admitted by an answer that came too late.
      c.executionCtx.waitUntil(release(c.env, userId, ask.requestId));
      throw refused;
    });
    return {
      cacheGeneration: null,
      // Where nothing could be reserved, one attempt that may cost is risk enough.
      raise: async () => costNanoUsd === 0,
      ...untilSettled(c.env, ask, true),
      keep,
    };
  }
  c.set('rates', verdict);
  if (verdict.refusal) throw tooManyRequests(verdict.refusal, rateLimitHeaders(verdict));
  return {
    cacheGeneration: verdict.cacheGeneration,
    raise: (bound) => raise(c.env, ask, bound),
    ...untilSettled(c.env, ask, false),
    keep,
  };
}

/** Renews the lease of a request until it is settled; also of one that may have been admitted unheard. */
function untilSettled(env: Env, ask: Ask, unreserved: boolean): Pick<Admission, 'settle'> {
  const renewing = setInterval(() => void renew(env, ask.userId, ask.requestId), RENEW_MS);
  return {
    settle(settlement) {
      clearInterval(renewing);
      return settleWith(env, ask, settlement, unreserved);
    },
  };
}

/** Puts the rate-limit headers on every answer to a known caller: as admission found them, or as they stand. */
export const rateLimits = createMiddleware<App>(async (c, next) => {
  await next();
  if (!c.var.principal) return;
  const rates: Rates | null = c.var.rates ?? (await readStanding(c).catch(() => null));
  if (!rates) return;
  for (const [name, value] of Object.entries(rateLimitHeaders(rates))) c.res.headers.set(name, value);
});

/**
 * How the caller's account stands.
 *
 * @throws when its limiter cannot be reached.
 */
export function readStanding(c: AppContext): Promise<AccountStanding> {
  return callLimiter(c.env, c.var.principal.userId, (limiter) => limiter.standing(credentialOf(c)));
}

/**
 * Puts all cached answers of the caller's account out of reach, at once and everywhere.
 *
 * @returns the generation of those to come.
 * @throws when its limiter cannot be reached.
 */
export function emptyCache(c: AppContext): Promise<number> {
  return callLimiter(c.env, c.var.principal.userId, (limiter) => limiter.emptyCache());
}

function credentialOf(c: AppContext): Pick<Ask, 'keyId' | 'keyRateLimit' | 'limits'> {
  const { keyId, keyRateLimit, limits } = c.var.principal;
  return { keyId, keyRateLimit, limits: resolve(c.env, limits) };
}

function resolve(env: Env, limits: Limits): ResolvedLimits {
  return { ...limits, requests_per_minute: limits.requests_per_minute ?? Number(env.RATE_LIMIT_PER_MINUTE) };
}

type Limiter = DurableObjectStub<AccountLimiter>;

/** One call to the account's object; again at once if it was the connection that failed: all of them are safe to repeat. */
async function callLimiter<T>(env: Env, userId: string, call: (limiter: Limiter) => Promise<T>): Promise<T> {
  const once = () => within(LIMITER_TIMEOUT_MS, call(env.ACCOUNT_LIMITER.getByName(userId)));
  try {
    return await once();
  } catch (error) {
    const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
    if (!retryable || overloaded) throw error;
    return once();
  }
}

async function admitLocally(env: Env, userId: string): Promise<void> {
  const { success } = await env.FALLBACK_LIMITER.limit({ key: userId });
  if (success) return;
  throw new ApiError(429, {
    message: 'Rate limit reached for requests. Please try again in 10s.',
    type: 'requests',
    code: 'rate_limit_exceeded',
    headers: retryAfter(10_000),
  });
}

async function renew(env: Env, userId: string, requestId: string): Promise<void> {
  await callLimiter(env, userId, (limiter) => limiter.renew(requestId)).catch((error: unknown) =>
    logLine('error', { event: 'lease_not_renewed', request_id: requestId, error: describe(error) }),
  );
}

async function release(env: Env, userId: string, requestId: string): Promise<void> {
  await callLimiter(env, userId, async (limiter) => limiter.release(requestId)).catch((error: unknown) =>
    logLine('error', { event: 'not_released', request_id: requestId, error: describe(error) }),
  );
}

async function raise(env: Env, { userId, requestId, limits }: Ask, costNanoUsd: number): Promise<boolean> {
  try {
    return await callLimiter(env, userId, (limiter) => limiter.raise(requestId, costNanoUsd, limits));
  } catch (error) {
    logLine('error', { event: 'not_raised', request_id: requestId, user_id: userId, error: describe(error) });
    return false;
  }
}

async function settleWith(env: Env, ask: Ask, settlement: Settlement, unreserved: boolean): Promise<void> {
  const { requestId, userId, arrivedAt } = ask;
  try {
    await pRetry(async () => {
      const known = await callLimiter(env, userId, (limiter) => limiter.settle(requestId, settlement));
      if (known) return;
      if (unreserved) await callLimiter(env, userId, (limiter) => limiter.charge(requestId, arrivedAt, settlement));
      // Its lease ran out, or an answer to an earlier try was lost.
      else logLine('error', { event: 'reservation_not_found', request_id: requestId, user_id: userId, settlement });
    }, SETTLE_RETRIES);
  } catch (error) {
    logLine('error', {
      event: 'not_settled',
      request_id: requestId,
      user_id: userId,
      settlement,
      error: describe(error),
    });
  }
}
