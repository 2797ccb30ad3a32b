import { cors } from 'hono/cors';
import { secureHeaders } from 'hono/secure-headers';
import type { Env } from '../env.ts';
import { listOf } from '../list-of.ts';

/** What browsers are told on every answer: JSON and event streams, to be neither framed, sniffed nor executed. */
export const securityHeaders = secureHeaders({
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  crossOriginResourcePolicy: 'cross-origin',
});

/** CORS for exactly the origins in ALLOWED_ORIGINS, preflight included; any other gets no permission. */
export const crossOrigin = cors({
  origin: (origin, c) => (listOf((c.env as Env).ALLOWED_ORIGINS).includes(origin) ? origin : null),
  allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
  exposeHeaders: [
    'x-request-id',
    'x-gateway-model',
    'x-gateway-attempts',
    'x-cache',
    'age',
    'idempotent-replayed',
    'openai-processing-ms',
    'retry-after',
    'retry-after-ms',
    'x-ratelimit-limit-requests',
    'x-ratelimit-remaining-requests',
    'x-ratelimit-reset-requests',
    'x-ratelimit-limit-tokens',
    'x-ratelimit-remaining-tokens',
    'x-ratelimit-reset-tokens',
    'x-ratelimit-limit',
    'x-ratelimit-remaining',
    'x-ratelimit-reset',
    'x-should-retry',
  ],
  maxAge: 86_400,
});
