import type { ReconcileRequest } from '../../shared/reconcile-request.ts';
import type { Env } from '../env.ts';
import { logFailure } from '../log.ts';

/** What `sendBatch` takes at once. */
const BATCH_MAX = 100;

/**
 * Has requests with pending attempts looked at after a rest. Never rejects: one whose message is lost is
 * found by the sweep.
 */
export async function wake(env: Env, requestIds: readonly string[], delaySeconds: number): Promise<void> {
  for (let at = 0; at < requestIds.length; at += BATCH_MAX) {
    const messages = requestIds
      .slice(at, at + BATCH_MAX)
      .map((request_id) => ({ body: { request_id } satisfies ReconcileRequest }));
    try {
      await env.RECONCILE_QUEUE.sendBatch(messages, { delaySeconds });
    } catch (error) {
      logFailure('reconcile_queue_refused', { requests: messages.length }, error);
    }
  }
}
