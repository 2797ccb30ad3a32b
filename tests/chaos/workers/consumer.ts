import type { Env } from '../../../consumer-worker/env.ts';
import worker from '../../../consumer-worker/index.ts';
import { Faults } from './faults.ts';

type Chaos = Env & { CHAOS_SEED: string };

let faults: Faults | null = null;

function faultsOf(env: Chaos): Faults {
  // Others than those of the API worker.
  faults ??= new Faults(Number(env.CHAOS_SEED) + 1_000_000);
  return faults;
}

function suffering(env: Chaos): Env {
  const these = faultsOf(env);
  return { ...env, DB: these.database(env.DB), RECONCILE_QUEUE: these.queue(env.RECONCILE_QUEUE) };
}

/** A message of which the queue hears nothing any more. */
function deaf(message: Message): Message {
  return new Proxy(message, {
    get: (target, name) => {
      if (name === 'ack' || name === 'retry') return () => undefined;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The consumer among faults: it dies before and after its work, batches come in any order, D1 fails in between. */
export default {
  async queue(batch: MessageBatch, env: Chaos): Promise<void> {
    const these = faultsOf(env);
    if (these.hits('consumer_dies_before', 0.04)) throw new Error('died before its writes');
    const dies = these.hits('consumer_dies_after', 0.04);
    const messages = these.shuffled(batch.messages);
    await worker.queue(
      { ...batch, queue: batch.queue, messages: dies ? messages.map(deaf) : messages },
      suffering(env),
    );
    if (dies) throw new Error('died after its writes, before they were acknowledged');
  },

  /** Runs a cron as it would run some time later. */
  async fetch(request: Request, env: Chaos): Promise<Response> {
    const url = new URL(request.url);
    const cron = url.searchParams.get('cron') ?? '';
    const scheduledTime = Date.now() + Number(url.searchParams.get('later_ms') ?? 0);
    await worker.scheduled({ cron, scheduledTime, noRetry: () => undefined } as ScheduledController, env);
    return new Response('done');
  },
};
