import { routePath } from 'hono/route';
import { exceptionReport } from '../../shared/exception-report.ts';
import type { AppContext } from '../env.ts';
import { ApiError } from '../http/errors.ts';
import { describe, logLine } from '../http/log.ts';

/**
 * Tells error tracking of a failure that nobody expected, by the analytics queue: the consumer speaks to PostHog.
 * Nothing for errors that a client is told of, or without POSTHOG_API_KEY. Never throws, and nothing waits for it.
 */
export function reportUnexpected(c: AppContext, error: unknown): void {
  if (error instanceof ApiError || !c.env.POSTHOG_API_KEY) return;
  const { requestId } = c.var;
  const send = async (): Promise<void> => {
    // The route's pattern: what stands in its place may be anything.
    await c.env.ANALYTICS_QUEUE.send(exceptionReport(error, { worker: 'api', path: routePath(c, -1), requestId }));
  };
  c.executionCtx.waitUntil(
    send().catch((refused: unknown) =>
      logLine('error', { event: 'exception_not_reported', request_id: requestId, error: describe(refused) }),
    ),
  );
}
