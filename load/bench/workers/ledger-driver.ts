interface Delivery {
  id: string;
  timestamp: Date;
  attempts: number;
  body: unknown;
}

/** A worker as a service binding with `service_binding_extra_handlers` has it. */
interface QueueWorker {
  fetch(request: Request): Promise<Response>;
  queue(
    name: string,
    messages: readonly Delivery[],
  ): Promise<{ outcome: string; ackAll: boolean; explicitAcks: readonly string[] }>;
}

/** The workers that batches are handed to. */
interface Bindings {
  [worker: string]: QueueWorker;
}

let batches: Delivery[][] = [];

/**
 * Hands batches to queue handlers, one after the other, as a queue does with `max_concurrency = 1`.
 * `POST /load?batch=100` brings events; `POST /run?worker=NAME&queue=QUEUE` hands those over and is answered
 * once all are acknowledged.
 */
export default {
  async fetch(request: Request, env: Bindings): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/load') {
      const events = await request.json<unknown[]>();
      batches = batchesOf(events, Number(searchParams.get('batch')));
      return new Response(String(batches.length));
    }
    const worker = env[searchParams.get('worker') ?? ''];
    if (pathname === '/run' && worker) {
      for (const messages of batches) await handOver(worker, searchParams.get('queue') ?? '', messages);
      return new Response(String(batches.length));
    }
    return worker ? worker.fetch(request) : new Response('no such worker', { status: 404 });
  },
};

function batchesOf(events: readonly unknown[], size: number): Delivery[][] {
  const all: Delivery[][] = [];
  for (let at = 0; at < events.length; at += size) {
    const part = events.slice(at, at + size);
    all.push(part.map((body, n) => ({ id: `${at + n}`, timestamp: new Date(), attempts: 1, body })));
  }
  return all;
}

async function handOver(worker: QueueWorker, queue: string, messages: Delivery[]): Promise<void> {
  const { outcome, ackAll, explicitAcks } = await worker.queue(queue, messages);
  if (outcome !== 'ok' || !(ackAll || explicitAcks.length === messages.length)) {
    throw new Error(`A batch of ${messages.length} was not acknowledged: ${outcome}, ${explicitAcks.length}.`);
  }
}
