import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { createMiddleware } from 'hono/factory';
import { secureHeaders } from 'hono/secure-headers';
import type { App, Env } from '../env.ts';
import { listOf } from '../list-of.ts';

const ofAnswers = secureHeaders({
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  crossOriginResourcePolicy: 'cross-origin',
});

/** What the pages may do: all that they load and call is ours, nobody frames them, and no form goes anywhere. */
const PAGE_POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  connectSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  fontSrc: ["'self'", 'data:'],
  frameAncestors: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
};

const ofPages: Record<string, MiddlewareHandler> = {
  // Scalar brings its styles along in its script, and sets some on elements.
  '/docs': secureHeaders({ contentSecurityPolicy: { ...PAGE_POLICY, styleSrc: ["'self'", "'unsafe-inline'"] } }),
  '/dashboard': secureHeaders({
    contentSecurityPolicy: {
      ...PAGE_POLICY,
      fontSrc: ["'none'"],
      requireTrustedTypesFor: ["'script'"],
      trustedTypes: ["'none'"],
    },
    referrerPolicy: 'no-referrer',
  }),
};

/**
 * What browsers are told on every answer: JSON and event streams, to be neither framed, sniffed nor
 * executed. By path, since what an answer says of itself may be the upstream's.
 */
export const securityHeaders = createMiddleware<App>((c, next) => (ofPages[c.req.path] ?? ofAnswers)(c, next));

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
    'server-timing',
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
    'link',
    'x-billing-closed',
    'x-billing-open-attempts',
    'x-billing-unbilled-nano-usd',
  ],
  maxAge: 86_400,
});
