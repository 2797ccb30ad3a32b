import { createMiddleware } from 'hono/factory';
import type { App, AppContext } from '../env.ts';
import { ApiError } from './errors.ts';

/** 404 in OpenAI's words. */
export function unknownUrl(c: AppContext): never {
  throw new ApiError(404, { message: `Invalid URL (${c.req.method} ${c.req.path})`, code: 'unknown_url' });
}

/** 405 for a path that exists under other methods, which `Allow` names (RFC 9110, 15.5.6). */
export function onlyMethods(...methods: string[]) {
  return createMiddleware<App>((c) => {
    throw new ApiError(405, {
      message: `Not allowed to ${c.req.method} on ${c.req.path}. Use ${methods.join(' or ')}.`,
      code: 'method_not_allowed',
      headers: { allow: methods.join(', ') },
    });
  });
}
