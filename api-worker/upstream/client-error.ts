import { ApiError, retryAfter, unavailable } from '../http/errors.ts';
import type { AttemptFailure } from './failure.ts';

/** Keys, account ids and pages of an account, as upstreams put them into messages. */
const PRIVATE = [/\bsk-[\w-]+/g, /\b(?:user|org|key|acct)[_-][A-Za-z0-9]{6,}/g, /https?:\/\/\S+/g];
const MESSAGE_LENGTH = 1000;

/** Statuses that say the client's request is at fault, with the code that OpenAI uses where it has one. */
const CLIENT_FAULTS: Record<number, string | null> = {
  400: null,
  403: 'request_refused',
  404: 'model_not_found',
  413: 'request_too_large',
  415: null,
  422: null,
};

/**
 * The last failure as the client may see it. What the client caused is passed on with the upstream's
 * words, redacted. What we caused (key, credit) or the upstream suffered is told without detail.
 */
export function clientError(failure: AttemptFailure, model: string): ApiError {
  const { kind, status } = failure;
  if (kind === 'client_left') return new ApiError(499 as 400, { message: 'The client closed the connection.' });
  if (kind === 'timeout' || status === 408 || status === 504 || status === 524) {
    return new ApiError(504, {
      message: `The model '${model}' did not answer in time. Please try again.`,
      code: 'upstream_timeout',
      cause: failure,
      headers: retryAfter(1_000),
    });
  }
  if (status === 429) return rateLimited(failure, model);
  if (failure.ours) {
    return unavailable('The service cannot reach its models at the moment. Please try again later.', failure);
  }
  if (kind === 'refused' && status !== null && status in CLIENT_FAULTS) return clientFault(failure, status, model);
  if (kind === 'unaffordable') {
    return new ApiError(429, {
      message: 'Your budget has no room for another attempt at this request.',
      type: 'insufficient_quota',
      code: 'insufficient_quota',
      headers: { 'x-should-retry': 'false' },
    });
  }
  const overloaded = kind === 'circuit_open' || status === 503 || status === 529;
  const state = overloaded ? 'is overloaded' : 'failed to answer';
  return unavailable(`The model '${model}' ${state}. Please try again.`, failure, failure.retryAfterMs ?? 1_000);
}

function clientFault(failure: AttemptFailure, status: number, model: string): ApiError {
  const words = redact(failure.detail ?? 'The model refused the request.');
  // OpenRouter answers 400 to a model that it does not know; OpenAI's clients expect 404.
  const unknownModel = status === 404 || /not a valid model id/i.test(words);
  const tooLong = /context.{0,20}length|maximum context/i.test(words);
  return new ApiError((unknownModel ? 404 : status) as 400, {
    message: words,
    param: unknownModel ? 'model' : null,
    code: unknownModel ? 'model_not_found' : tooLong ? 'context_length_exceeded' : (CLIENT_FAULTS[status] ?? null),
    cause: `${model}: ${failure.message}`,
  });
}

function rateLimited(failure: AttemptFailure, model: string): ApiError {
  const waitMs = failure.retryAfterMs ?? 1000;
  return new ApiError(429, {
    message: `The model '${model}' is receiving too many requests. Please try again later.`,
    type: 'requests',
    code: 'rate_limit_exceeded',
    cause: failure,
    headers: retryAfter(waitMs),
  });
}

/** A message without what belongs to us and the upstream alone. */
export function redact(message: string): string {
  return PRIVATE.reduce((text, pattern) => text.replace(pattern, '[redacted]'), message).slice(0, MESSAGE_LENGTH);
}
