import { exceptionReport } from '../../shared/exception-report.ts';
import type { Env } from '../env.ts';
import { logFailure } from '../log.ts';

/**
 * Tells error tracking of a failure that nobody expected, by the analytics queue, which waits while PostHog is
 * away. Nothing without POSTHOG_API_KEY. Never rejects.
 *
 * @param path where it surfaced: a queue or a job.
 */
export async function reportException(env: Env, error: unknown, { path }: { path: string }): Promise<void> {
  if (!env.POSTHOG_API_KEY) return;
  try {
    await env.ANALYTICS_QUEUE.send(exceptionReport(error, { worker: 'consumer', path, requestId: null }));
  } catch (refused) {
    logFailure('exception_not_reported', { path }, refused);
  }
}
