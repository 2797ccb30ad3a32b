import type { Rates, Standing } from './books.ts';

/** OpenAI's rate-limit headers, and the trio that other clients read, whose reset is in Unix seconds. */
export function rateLimitHeaders({ requests, tokens }: Rates, now: number = Date.now()): Record<string, string> {
  return {
    ...openAiHeaders('requests', requests),
    ...(tokens ? openAiHeaders('tokens', tokens) : {}),
    'x-ratelimit-limit': String(requests.limit),
    'x-ratelimit-remaining': String(requests.remaining),
    'x-ratelimit-reset': String(Math.ceil((now + requests.resetMs) / 1000)),
  };
}

function openAiHeaders(name: string, { limit, remaining, resetMs }: Standing): Record<string, string> {
  return {
    [`x-ratelimit-limit-${name}`]: String(limit),
    [`x-ratelimit-remaining-${name}`]: String(remaining),
    [`x-ratelimit-reset-${name}`]: duration(resetMs),
  };
}

/** Milliseconds as OpenAI's headers write durations: `12ms`, `1.5s`, `6m0s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const seconds = ms / 1000;
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${Math.floor(seconds % 60)}s`;
}
