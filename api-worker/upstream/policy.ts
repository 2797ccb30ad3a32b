import type { Env } from '../env.ts';

/** How long and how often we try. Times in ms. */
export interface Policy {
  /** From the call to the response's headers. */
  headersTimeoutMs: number;
  /** From the headers to the first event (or JSON), keep-alive comments not counted. */
  firstEventTimeoutMs: number;
  /** Between two events once an answer has begun, keep-alive comments not counted. */
  silenceTimeoutMs: number;
  /** For all attempts at an answer together, up to its first event; a continuation is an answer of its own. */
  totalTimeoutMs: number;
  /** Further attempts at the same candidate. */
  retries: number;
  /** After this long without an event a stream's 200 is sent, so that the client's connection lives. */
  commitAfterMs: number;
  /** When a hedge starts, while nothing is known of how long the model usually takes. */
  hedgeAfterMs: number;
}

/** Providers queue for minutes when they are busy; what is past this will not come. */
const DEFAULTS: Policy = {
  headersTimeoutMs: 120_000,
  firstEventTimeoutMs: 300_000,
  silenceTimeoutMs: 300_000,
  totalTimeoutMs: 600_000,
  retries: 2,
  commitAfterMs: 10_000,
  hedgeAfterMs: 5_000,
};

/** The policy that the environment's variables set, defaults where they set none. */
export function policyOf(env: Env): Policy {
  return {
    headersTimeoutMs: Number(env.UPSTREAM_HEADERS_TIMEOUT_MS ?? DEFAULTS.headersTimeoutMs),
    firstEventTimeoutMs: Number(env.UPSTREAM_FIRST_EVENT_TIMEOUT_MS ?? DEFAULTS.firstEventTimeoutMs),
    silenceTimeoutMs: Number(env.UPSTREAM_SILENCE_TIMEOUT_MS ?? DEFAULTS.silenceTimeoutMs),
    totalTimeoutMs: Number(env.UPSTREAM_TOTAL_TIMEOUT_MS ?? DEFAULTS.totalTimeoutMs),
    retries: Number(env.UPSTREAM_RETRIES ?? DEFAULTS.retries),
    commitAfterMs: Number(env.STREAM_COMMIT_AFTER_MS ?? DEFAULTS.commitAfterMs),
    hedgeAfterMs: Number(env.HEDGE_AFTER_MS ?? DEFAULTS.hedgeAfterMs),
  };
}
