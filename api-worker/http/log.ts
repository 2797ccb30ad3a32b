import { createMiddleware } from 'hono/factory';
import { stackFrames } from '../../shared/stack-frames.ts';
import type { App } from '../env.ts';
import { ApiError } from './errors.ts';

/** One JSON line; never content, keys or headers. */
export function logLine(level: 'info' | 'error', line: Record<string, unknown>): void {
  console[level === 'error' ? 'error' : 'log'](JSON.stringify({ level, ...line }));
}

/** A thrown value in words that may stand in a log. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`;
}

/** What a field of a request may be called where a log names it. */
const FIELD = /^[\w.[\]-]{1,64}$/;

/**
 * Why a request failed, in words that may stand in a log. What a client is told of a fault of its own may quote its
 * request, or the upstream's words about it, and so may any message of an error that nobody expected.
 */
function reasonOf(error: unknown): string {
  if (!(error instanceof ApiError)) {
    const [frame] = error instanceof Error ? stackFrames(error) : [];
    const place = frame ? ` at ${frame.function} (${frame.file}:${frame.line})` : '';
    return `${error instanceof Error ? error.name : typeof error}${place}`;
  }
  if (error.status >= 500) return describe(error);
  const { code, type, param } = error.body;
  return [code ?? type, ...(param !== null && FIELD.test(param) ? [param] : [])].join(': ');
}

/** Logs each request once: when it is answered, or, for a relayed one, when its last byte is out. */
export const requestLog = createMiddleware<App>(async (c, next) => {
  await next();
  const line = {
    event: 'request',
    request_id: c.var.requestId,
    method: c.req.method,
    path: c.req.path,
    status: c.res.status,
    user_id: c.var.principal?.userId,
    key_id: c.var.principal?.keyId,
    duration_ms: Date.now() - c.var.arrivedAt,
    error: c.error ? reasonOf(c.error) : undefined,
  };
  const { outcome } = c.var;
  if (!outcome) return logLine(c.res.status >= 500 ? 'error' : 'info', line);
  c.executionCtx.waitUntil(
    outcome.then(({ event: end, failures, skipped }) =>
      logLine(end.status >= 500 ? 'error' : 'info', {
        ...line,
        status: end.status,
        duration_ms: end.latency_ms,
        ttft_ms: end.ttft_ms,
        gateway: {
          requested_model: end.requested_model,
          model: end.model,
          attempts: end.attempts,
          failures,
          skipped,
          extra_cost_nano_usd: end.extra_cost_nano_usd,
          unpriced_attempts: end.unpriced_attempts,
        },
        finish_reason: end.finish_reason,
        usage_source: end.usage_source,
        cost_nano_usd: end.cost_nano_usd,
      }),
    ),
  );
});
