import { createMiddleware } from 'hono/factory';
import { uuidv7 } from '../../shared/ids.ts';
import type { App } from '../env.ts';

/**
 * Gives every request an id of ours (a UUIDv7) and says it as `x-request-id`. A client's own id is
 * never taken over: the ledger is keyed by it.
 */
export const requestId = createMiddleware<App>(async (c, next) => {
  const arrivedAt = Date.now();
  c.set('arrivedAt', arrivedAt);
  c.set('requestId', uuidv7(arrivedAt));
  await next();
  c.res.headers.set('x-request-id', c.var.requestId);
});
