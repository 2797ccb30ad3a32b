import { createMiddleware } from 'hono/factory';
import { sha256Hex } from '../../shared/ids.ts';
import type { App, AppContext } from '../env.ts';
import { ApiError, unavailable } from '../http/errors.ts';
import { Limits } from '../limits/limits.ts';
import { readKey, readLimits } from './accounts.ts';
import { isMistyped } from './api-key.ts';
import { find } from './findings.ts';
import { stopGuessing, suspect } from './guessing.ts';
import { isJwt, JwksUnavailable, verifyJwt } from './jwt.ts';
import { type Permission, Principal } from './principal.ts';

/** RFC 6750 bearer tokens; the scheme's case does not matter (RFC 9110, 11.1). */
const BEARER = /^Bearer +(\S+)$/i;
const KEY = /^sk-\S{1,512}$/;
const TOKEN_MAX_LENGTH = 8192;
/** The last time of which a Date can tell, Unix ms. */
const LAST_MS = 8.64e15;

/**
 * Admits requests whose `Authorization: Bearer` is an active API key or a valid JWT with the
 * permission, or with whichever for `any`, and sets `principal`. Else 401 (who?) or 403 (may not).
 */
export function authenticate(permission: Permission | 'any') {
  return createMiddleware<App>(async (c, next) => {
    const principal = await identify(c);
    c.set('principal', principal);
    if (permission !== 'any' && !principal.permissions.includes(permission)) throw insufficient(c, permission);
    await next();
  });
}

/** 403 in OpenAI's envelope. */
export function insufficient(c: AppContext, permission: Permission): ApiError {
  return new ApiError(403, {
    message: `You have insufficient permissions to ${c.req.method} ${c.req.path}: it needs '${permission}'.`,
    code: 'insufficient_permissions',
  });
}

async function identify(c: AppContext): Promise<Principal> {
  const header = c.req.header('authorization')?.trim();
  if (!header) {
    throw new ApiError(401, {
      message: "You didn't provide an API key. Send it as a header: Authorization: Bearer YOUR_KEY.",
    });
  }
  const credential = BEARER.exec(header)?.[1] ?? '';
  if (KEY.test(credential)) return byKey(c, credential);
  if (credential.length <= TOKEN_MAX_LENGTH && isJwt(credential)) return byToken(c, credential);
  throw invalidKey('Incorrect API key provided.');
}

async function byKey(c: AppContext, key: string): Promise<Principal> {
  if (isMistyped(key)) throw invalidKey('Incorrect API key provided: it is mistyped or cut short.');
  const name = keyName(await sha256Hex(key));
  const principal = await ask(() =>
    find(c.env, {
      name,
      schema: Principal,
      read: () => readKey(c.env.DB, name.slice(KEY_NAME.length)),
      keepAlive: (work) => c.executionCtx.waitUntil(work),
      gate: () => stopGuessing(c),
    }),
  );
  if (!principal) {
    suspect(c);
    throw invalidKey('Incorrect API key provided.');
  }
  if (principal.expiresAt !== null && principal.expiresAt <= Date.now()) {
    throw invalidKey('Incorrect API key provided: it has expired.');
  }
  return principal;
}

async function byToken(c: AppContext, token: string): Promise<Principal> {
  const claims = await ask(() => verifyJwt(c.env, token));
  if (!claims) throw invalidKey('Incorrect token provided: it is not valid here, or has expired.');
  const { sub, tier, permissions, exp } = claims;
  const limits = await ask(() =>
    find(c.env, {
      name: accountName(sub, tier),
      schema: Limits,
      read: () => readLimits(c.env.DB, sub, tier),
      keepAlive: (work) => c.executionCtx.waitUntil(work),
    }),
  );
  if (!limits) throw invalidKey('Incorrect token provided: its account is inactive.');
  return {
    keyId: 'jwt',
    userId: sub,
    permissions,
    limits,
    keyRateLimit: null,
    resume: false,
    privacy: false,
    expiresAt: Math.min(exp * 1000, LAST_MS),
  };
}

const KEY_NAME = 'key:';

/** The name of a key's finding. */
export function keyName(hash: string): string {
  return KEY_NAME + hash;
}

/** The name of an account's finding, as tokens see it. */
function accountName(userId: string, tier: string | null): string {
  return `account:${JSON.stringify([userId, tier])}`;
}

async function ask<T>(search: () => Promise<T>): Promise<T> {
  try {
    return await search();
  } catch (cause) {
    if (cause instanceof ApiError) throw cause;
    const what = cause instanceof JwksUnavailable ? 'Tokens' : 'API keys';
    throw unavailable(`${what} cannot be checked at the moment. Please try again.`, cause);
  }
}

function invalidKey(message: string): ApiError {
  return new ApiError(401, { message, code: 'invalid_api_key' });
}
