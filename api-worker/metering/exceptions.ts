import { routePath } from 'hono/route';
import { d1Trouble } from '../../shared/d1.ts';
import { exceptionReport } from '../../shared/exception-report.ts';
import type { AppContext } from '../env.ts';
import { ApiError } from '../http/errors.ts';
import { describe, logLine } from '../http/log.ts';
import { AttemptFailure } from '../upstream/failure.ts';

/**
 * Tells error tracking of a failure that nobody expected, by the analytics queue: the consumer speaks to PostHog.
 * Nothing for what a client is told of, unless that hides a failure of ours, or without POSTHOG_API_KEY. Never
 * throws, and nothing waits for it.
 */
export function reportUnexpected(c: AppContext, error: unknown): void {
  const unexpected = error instanceof ApiError ? hiddenIn(error) : error;
  if (unexpected === null || !c.env.POSTHOG_API_KEY) return;
  const { requestId } = c.var;
  const send = async (): Promise<void> => {
    // The route's pattern: what stands in its place may be anything.
    await c.env.ANALYTICS_QUEUE.send(exceptionReport(unexpected, { worker: 'api', path: routePath(c, -1), requestId }));
  };
  c.executionCtx.waitUntil(
    send().catch((refused: unknown) =>
      logLine('error', { event: 'exception_not_reported', request_id: requestId, error: describe(refused) }),
    ),
  );
}

/**
 * What a client is told of as something that is away, and that will not pass: wrong SQL above all. Null: there is
 * none. Of upstreams that fail, and of D1 while it is away or overloaded, logs and alerts tell.
 */
function hiddenIn({ status, cause }: ApiError): Error | null {
  if (status < 500 || !(cause instanceof Error) || cause instanceof AttemptFailure) return null;
  return d1Trouble(cause) === 'other' ? cause : null;
}
