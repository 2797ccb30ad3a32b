import { nanoToUsd } from '../../shared/money.ts';
import { ApiError, retryAfter } from '../http/errors.ts';
import type { Refusal } from './books.ts';
import { duration } from './rate-limit-headers.ts';

/** The longest wait told, for what no waiting helps: SDKs do not wait for it. */
const NEVER_MS = 86_400_000;

/** A refusal as a 429 in OpenAI's words: what was reached, and when trying again makes sense. */
export function tooManyRequests(refusal: Refusal, headers: Record<string, string>): ApiError {
  const { limit, inProgress } = refusal;
  const rate = limit === 'requests' || limit === 'tokens' || limit === 'concurrency';
  const waitMs = Math.min(Math.max(1, Math.ceil(refusal.retryAfterMs)), NEVER_MS);
  const never = refusal.retryAfterMs === Number.POSITIVE_INFINITY;
  // A quota is not regained by waiting a little, unless it is only taken up by requests in progress.
  const wait = (rate || inProgress) && !never;
  return new ApiError(429, {
    message: messageOf(refusal, wait ? ` Please try again in ${duration(waitMs)}.` : ''),
    type: rate || wait ? (limit === 'tokens' ? 'tokens' : 'requests') : 'insufficient_quota',
    code: rate || wait ? 'rate_limit_exceeded' : 'insufficient_quota',
    headers: {
      ...headers,
      ...retryAfter(waitMs),
      'x-should-retry': String(wait),
    },
  });
}

function messageOf({ limit, period, granted, free, retryAfterMs, inProgress }: Refusal, then: string): string {
  const tooLarge = retryAfterMs === Number.POSITIVE_INFINITY;
  switch (limit) {
    case 'requests':
      return `Rate limit reached for requests. Limit: ${granted} per minute.${then}`;
    case 'tokens':
      return tooLarge
        ? `Request too large. Limit: ${granted} tokens per minute. Shorten the prompt or lower max_tokens.`
        : `Rate limit reached for tokens. Limit: ${granted} per minute, ${free} left.${then}`;
    case 'concurrency':
      return `Too many concurrent requests. Limit: ${granted}.${then}`;
    case 'month_requests':
      return `You exceeded your quota of ${granted} requests this month.`;
    case 'month_tokens':
      return `You exceeded your quota of ${granted} tokens this month: ${free} are left.${then}`;
    case 'budget': {
      const left = `$${nanoToUsd(free)} of this ${period}'s budget of $${nanoToUsd(granted)} is left`;
      if (inProgress && !tooLarge) return `Requests in progress take up the budget: ${left}.${then}`;
      return `You exceeded your current budget: ${left}, and this request could cost more. Lower max_tokens, or ask for a higher budget.`;
    }
  }
}
