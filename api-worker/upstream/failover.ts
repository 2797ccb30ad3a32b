import pRetry from 'p-retry';
import { type Answer, attempt, type UpstreamCall } from './attempt.ts';
import { AttemptFailure } from './failure.ts';

/** Delays double from here, before jitter, ms. */
const BACKOFF_MS = 250;
/** A longer Retry-After is not waited for: the next candidate is there sooner. */
const RETRY_AFTER_MAX_MS = 5_000;

/** What is to be answered, and by whom. */
export interface UpstreamRequest extends Omit<UpstreamCall, 'model' | 'body'> {
  candidates: readonly string[];
  /** The body for one candidate. */
  bodyFor(model: string): string;
  /** Tells of each attempt, before it is made, and of each failure. */
  journal: Journal;
}

/** What it took to get an answer. Grows while candidates are tried. */
export interface Journal {
  attempts: number;
  /** One line for each failed attempt: model, kind and status; no upstream text. */
  failures: string[];
}

/**
 * The first answer to be had: every candidate in turn, each tried again while that may help.
 *
 * @throws AttemptFailure the last one, when all candidates are exhausted or the request is at fault.
 */
export async function failover(request: UpstreamRequest): Promise<Answer> {
  let last = new AttemptFailure('empty');
  for (const model of request.candidates) {
    try {
      return await tryCandidate(request, model);
    } catch (error) {
      if (!(error instanceof AttemptFailure)) throw error;
      last = error;
      if (!error.retryable) break;
    }
  }
  throw last;
}

function tryCandidate(request: UpstreamRequest, model: string): Promise<Answer> {
  const body = request.bodyFor(model);
  return pRetry(
    () => {
      request.journal.attempts += 1;
      return attempt({ ...request, model, body });
    },
    {
      retries: request.policy.retries,
      // The waiting is done below, where Retry-After is known.
      minTimeout: 0,
      shouldRetry: ({ error }) => error instanceof AttemptFailure && error.retryable && worthWaiting(error),
      onFailedAttempt: async ({ error, attemptNumber, retriesLeft }) => {
        request.journal.failures.push(`${model}: ${error.message}`);
        if (!(error instanceof AttemptFailure) || !error.retryable || !worthWaiting(error) || retriesLeft === 0) return;
        await scheduler
          .wait(delayBefore(attemptNumber, error.retryAfterMs), { signal: request.signal })
          .catch(() => {});
      },
    },
  );
}

function worthWaiting(failure: AttemptFailure): boolean {
  return failure.retryAfterMs === null || failure.retryAfterMs <= RETRY_AFTER_MAX_MS;
}

/** Full jitter (anything up to the doubled delay), never less than the upstream asked for. */
export function delayBefore(attemptNumber: number, retryAfterMs: number | null, random = Math.random): number {
  return Math.max(retryAfterMs ?? 0, Math.floor(random() * BACKOFF_MS * 2 ** (attemptNumber - 1)));
}
