import { PostHog } from 'posthog-node';
import type { Env } from '../env.ts';
import type { Capture } from './captures.ts';

/** For one batch, whose messages the queue keeps meanwhile. */
const TIMEOUT_MS = 10_000;

/** What PostHog says of a batch as it is; of anything else the batch is innocent. */
const REFUSALS = [400, 413];

/** PostHog cannot be had now, or not with this key: what was to be sent is to come again. */
export class PostHogUnavailable extends Error {}

/**
 * Sends events to PostHog in one request.
 *
 * @returns null: it has them all; else the status by which it refused them because of what they are.
 * @throws PostHogUnavailable, whose message quotes no answer.
 */
export async function send(env: Env, key: string, captures: readonly Capture[]): Promise<number | null> {
  if (captures.length === 0) return null;
  const seen: { status: number | null } = { status: null };
  const client = new PostHog(key, {
    host: env.POSTHOG_HOST,
    // One flush, one request, and that only when it is asked for: the library cuts its batches at this length.
    flushAt: captures.length + 1,
    flushInterval: 0,
    // The queue retries.
    fetchRetryCount: 0,
    requestTimeout: TIMEOUT_MS,
    disableGeoip: true,
    async fetch(url, init) {
      // A redirected POST would become a GET that succeeds.
      const { status, body } = await fetch(url, { ...(init as RequestInit), redirect: 'manual' });
      seen.status = status;
      await body?.cancel();
      // Of a 413 the library makes halves by itself, drops what it cannot halve, and does not say what came through.
      return new Response(null, { status: status === 413 ? 400 : status });
    },
  });
  for (const { properties, ...capture } of captures) {
    // Else PostHog moves timestamps by the difference of its clock and ours, and with them, at midnight, dates.
    client.capture({ ...capture, properties: { ...properties, $ignore_sent_at: true } });
  }
  const failure = await client.flush().then(
    () => null,
    (error: unknown) => ({ error }),
  );
  const { status } = seen;
  if (failure === null && status !== null) return null;
  if (status !== null && REFUSALS.includes(status)) return status;
  const reason = status === null ? 'PostHog could not be reached' : `PostHog answered ${status}`;
  throw new PostHogUnavailable(reason, { cause: failure?.error });
}
