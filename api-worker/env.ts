import type { Context } from 'hono';
import type { Principal } from './auth/principal.ts';
import type { Rates } from './limits/books.ts';
import type { RequestOutcome } from './metering/outcome.ts';

/** The bindings of wrangler.api.toml. Secrets may be unset; an unset POSTHOG_API_KEY turns analytics off. */
export type Env = Omit<
  ApiBindings,
  'OPENROUTER_API_KEY' | 'POSTHOG_API_KEY' | 'JWT_SECRET' | 'AI_GATEWAY_TOKEN' | 'LEDGER_ARCHIVE'
> & {
  /** Unbound: there is nothing to restore ledger rows from. */
  LEDGER_ARCHIVE?: R2Bucket;
  OPENROUTER_API_KEY?: string;
  POSTHOG_API_KEY?: string;
  /** Unset: no HS256 tokens. */
  JWT_SECRET?: string;
  /** Of an AI Gateway that asks for one. */
  AI_GATEWAY_TOKEN?: string;
  /** Time limits and retries in milliseconds and counts, see upstream/policy.ts; unset: its defaults. */
  UPSTREAM_HEADERS_TIMEOUT_MS?: string;
  UPSTREAM_FIRST_EVENT_TIMEOUT_MS?: string;
  UPSTREAM_SILENCE_TIMEOUT_MS?: string;
  UPSTREAM_TOTAL_TIMEOUT_MS?: string;
  UPSTREAM_RETRIES?: string;
  STREAM_COMMIT_AFTER_MS?: string;
  HEDGE_AFTER_MS?: string;
};

/** What middleware learns about a request and hands on. */
type Variables = {
  requestId: string;
  /** When the request arrived, Unix ms. */
  arrivedAt: number;
  principal: Principal;
  /** Set by admission: what the account's rates leave. */
  rates?: Rates;
  /** Set by routes that answer from the upstream: settles after the last byte. */
  outcome?: Promise<RequestOutcome>;
};

export type App = { Bindings: Env; Variables: Variables };
export type AppContext = Context<App>;
