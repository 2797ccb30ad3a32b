import { setTimeout as wait } from 'node:timers/promises';

/** What an isolate holds, bytes, as V8's inspector tells it (`Runtime.getHeapUsage`). */
export interface HeapUsage {
  /** JavaScript objects and strings, dead ones among them until they are collected. */
  usedSize: number;
  /** What V8 has taken for those. */
  totalSize: number;
  embedderHeapUsedSize: number;
  /** Of array buffers. */
  backingStorageSize: number;
}

const WAKE_AFTER_MS = 100;

/** The inspector of one of Miniflare's workers (Chrome DevTools Protocol). */
export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#take(String(data)));
    socket.addEventListener('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('The inspector has gone.'));
      this.#waiting.clear();
    });
  }

  /**
   * Attaches to a worker. Not through Miniflare's proxy, which takes part in what is said.
   *
   * @param url Miniflare's, of any of its workers.
   * @throws Error when there is no such worker.
   */
  static async attach(url: URL, worker: string): Promise<Inspector> {
    const list = new URL('/json', url);
    list.protocol = 'http:';
    const targets = (await (await fetch(list)).json()) as { id: string; webSocketDebuggerUrl: string }[];
    const target = targets.find(({ id }) => id.endsWith(worker));
    if (!target) throw new Error(`No worker ${worker} among ${targets.map(({ id }) => id).join(', ')}.`);
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true });
      socket.addEventListener('error', reject, { once: true });
    });
    return new Inspector(socket);
  }

  async heapUsage(): Promise<HeapUsage> {
    return (await this.#call('Runtime.getHeapUsage')) as HeapUsage;
  }

  /**
   * Frees what nobody holds any more.
   *
   * @param wake makes the isolate do something: one that does nothing does not do this either.
   */
  async collectGarbage(wake: () => Promise<unknown>): Promise<void> {
    const collecting = this.#call('HeapProfiler.collectGarbage').then(() => true);
    while (!(await Promise.race([collecting, wait(WAKE_AFTER_MS)]))) await wake();
  }

  close(): void {
    this.#socket.close();
  }

  #call(method: string): Promise<unknown> {
    const id = ++this.#calls;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method }));
    return answer.promise;
  }

  #take(text: string): void {
    const { id, result, error } = JSON.parse(text) as { id?: number; result?: unknown; error?: { message: string } };
    const answer = id === undefined ? undefined : this.#waiting.get(id);
    if (id === undefined || !answer) return;
    this.#waiting.delete(id);
    if (error) answer.reject(new Error(error.message));
    else answer.resolve(result);
  }
}
