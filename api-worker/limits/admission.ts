import { createMiddleware } from 'hono/factory';
import type { App } from '../env.ts';
import { ApiError, unavailable } from '../http/errors.ts';
import type { Verdict } from './sliding-window.ts';

/** Asks the account's limiter, once, whether the request may go on; 429 with the time to wait if not. */
export const admission = createMiddleware<App>(async (c, next) => {
  const { userId, rateLimit } = c.var.principal;
  const limit = rateLimit ?? Number(c.env.RATE_LIMIT_PER_MINUTE);
  const verdict = await c.env.ACCOUNT_LIMITER.getByName(userId)
    .admit(limit)
    .catch((cause: unknown) => {
      throw unavailable('Rate limits cannot be checked at the moment. Please try again.', cause);
    });
  if (!verdict.admitted) throw rateLimited(verdict);
  await next();
  for (const [name, value] of Object.entries(rateLimitHeaders(verdict))) c.res.headers.set(name, value);
});

function rateLimited(verdict: Verdict): ApiError {
  return new ApiError(429, {
    message: `Rate limit reached for requests. Limit: ${verdict.limit} per minute. Please try again in ${duration(verdict.retryAfterMs)}.`,
    type: 'requests',
    code: 'rate_limit_exceeded',
    headers: {
      ...rateLimitHeaders(verdict),
      'retry-after': String(Math.ceil(verdict.retryAfterMs / 1000)),
      'retry-after-ms': String(verdict.retryAfterMs),
    },
  });
}

/** OpenAI's rate-limit headers. */
function rateLimitHeaders(verdict: Verdict): Record<string, string> {
  return {
    'x-ratelimit-limit-requests': String(verdict.limit),
    'x-ratelimit-remaining-requests': String(verdict.remaining),
    'x-ratelimit-reset-requests': duration(verdict.resetMs),
  };
}

/** Milliseconds as OpenAI's headers write durations: `12ms`, `1.5s`, `6m0s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const seconds = ms / 1000;
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${Math.floor(seconds % 60)}s`;
}
