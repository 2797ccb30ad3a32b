import type { Env } from '../env.ts';

/** How long and how often we try before the first event. */
export interface Policy {
  /** From the call to the response's headers, ms. */
  headersTimeoutMs: number;
  /** From the headers to the first event (or JSON), keep-alive comments not counted, ms. */
  firstEventTimeoutMs: number;
  /** Further attempts at the same candidate. */
  retries: number;
  /** After this long without an event a stream's 200 is sent, so that the client's connection lives, ms. */
  commitAfterMs: number;
}

/** Providers queue for minutes when they are busy; what is past this will not come. */
const DEFAULTS: Policy = {
  headersTimeoutMs: 120_000,
  firstEventTimeoutMs: 300_000,
  retries: 2,
  commitAfterMs: 10_000,
};

/** The policy that the environment's variables set, defaults where they set none. */
export function policyOf(env: Env): Policy {
  return {
    headersTimeoutMs: Number(env.UPSTREAM_HEADERS_TIMEOUT_MS ?? DEFAULTS.headersTimeoutMs),
    firstEventTimeoutMs: Number(env.UPSTREAM_FIRST_EVENT_TIMEOUT_MS ?? DEFAULTS.firstEventTimeoutMs),
    retries: Number(env.UPSTREAM_RETRIES ?? DEFAULTS.retries),
    commitAfterMs: Number(env.STREAM_COMMIT_AFTER_MS ?? DEFAULTS.commitAfterMs),
  };
}
