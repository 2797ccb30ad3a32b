import { createMiddleware } from 'hono/factory';
import { sha256Hex } from '../../shared/ids.ts';
import type { App, AppContext } from '../env.ts';
import { ApiError, unavailable } from '../http/errors.ts';
import { findPrincipal } from './key-lookup.ts';
import type { Principal } from './principal.ts';

/** RFC 6750 bearer tokens; the scheme's case does not matter (RFC 9110, 11.1). */
const BEARER = /^Bearer +(sk-\S{1,512})$/i;

/** Admits requests with an active API key as `Authorization: Bearer sk-…` and sets `principal`; else 401. */
export const authenticate = createMiddleware<App>(async (c, next) => {
  const header = c.req.header('authorization')?.trim();
  if (!header) {
    throw new ApiError(401, {
      message: "You didn't provide an API key. Send it as a header: Authorization: Bearer YOUR_KEY.",
    });
  }
  const key = BEARER.exec(header)?.[1];
  const principal = key ? await look(c, key) : null;
  if (!principal) throw new ApiError(401, { message: 'Incorrect API key provided.', code: 'invalid_api_key' });
  c.set('principal', principal);
  await next();
});

async function look(c: AppContext, key: string): Promise<Principal | null> {
  const hash = await sha256Hex(key);
  try {
    return await findPrincipal(c.env, hash, (work) => c.executionCtx.waitUntil(work));
  } catch (cause) {
    throw unavailable('API keys cannot be checked at the moment. Please try again.', cause);
  }
}
