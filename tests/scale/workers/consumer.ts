import type { Env } from '../../../consumer-worker/env.ts';
import worker from '../../../consumer-worker/index.ts';
import { count, countedD1, countedQueue, countedR2, countFetches, countLogs, takeCounts } from './counting.ts';

function counted(env: Env): Env {
  const { LEDGER_ARCHIVE: bucket } = env;
  return {
    ...env,
    DB: countedD1(env.DB),
    RECONCILE_QUEUE: countedQueue(env.RECONCILE_QUEUE),
    ...(bucket ? { LEDGER_ARCHIVE: countedR2(bucket) } : {}),
  };
}

countFetches();
countLogs();

/**
 * The consumer with all that it does to its bindings counted. `/consumer/counts` takes the counts,
 * `/consumer/cron?cron=…&at=…` runs a cron at a time, Unix ms.
 */
export default {
  async queue(batch: MessageBatch, env: Env): Promise<void> {
    count('worker_requests');
    count('messages', batch.messages.length);
    await worker.queue(batch, counted(env));
    count('batches');
  },

  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/consumer/counts') return Response.json(takeCounts());
    const [cron, scheduledTime] = [searchParams.get('cron') ?? '', Number(searchParams.get('at'))];
    await worker.scheduled({ cron, scheduledTime, noRetry: () => undefined } as ScheduledController, counted(env));
    return new Response('done');
  },
};
