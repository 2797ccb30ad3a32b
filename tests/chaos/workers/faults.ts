import { randomFrom } from '../../../load/upstream/random.ts';

/** Cloudflare's words for errors of D1; the last is of no list. */
const D1_ERRORS = [
  'D1_ERROR: Network connection lost.',
  'D1_ERROR: internal error; storage caused object to be reset.',
  'D1_ERROR: D1 DB reset because its code was updated.',
  'D1_ERROR: Cannot resolve D1 DB due to transient issue on remote node.',
  'D1_ERROR: D1 DB is overloaded. Requests queued for too long.',
  'D1_ERROR: something unheard of',
];
/** A queue that is away refuses so many calls in a row. */
const QUEUE_AWAY_CALLS = 15;

/** Decides by its seed what goes wrong, and says so in a log line for each. */
export class Faults {
  readonly random: () => number;
  #refusals = 0;

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  /** Whether a fault happens now. */
  hits(kind: string, rate: number): boolean {
    if (this.random() >= rate) return false;
    console.log(JSON.stringify({ chaos: kind }));
    return true;
  }

  /** A queue's producer that refuses, forgets that it has taken, doubles and delays. */
  queue<Body>(queue: Queue<Body>): Queue<Body> {
    return new Proxy(queue, {
      get: (target, name) => {
        if (name === 'send')
          return (body: Body, options?: QueueSendOptions) => this.#send((more) => target.send(body, more), options);
        if (name === 'sendBatch') {
          return (messages: Iterable<MessageSendRequest<Body>>, options?: QueueSendBatchOptions) => {
            const list = [...messages];
            return this.#send((more) => target.sendBatch(list, more), options);
          };
        }
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  async #send<T>(send: (options: QueueSendOptions) => Promise<T>, options: QueueSendOptions = {}): Promise<T> {
    if (this.hits('queue_away', 0.003)) this.#refusals = QUEUE_AWAY_CALLS;
    if (this.#refusals > 0 || this.hits('queue_refuses', 0.04)) {
      this.#refusals = Math.max(0, this.#refusals - 1);
      throw new Error('Queue send failed: Too Many Requests');
    }
    // Neither taken nor refused.
    if (this.hits('queue_hangs', 0.002)) await new Promise(() => undefined);
    const delayed = this.hits('queue_delays', 0.1) ? { delaySeconds: 1 + Math.floor(this.random() * 3) } : {};
    if (this.hits('queue_doubles', 0.05)) await send({ ...options, ...delayed });
    const sent = await send({ ...options, ...delayed });
    if (this.hits('queue_answer_lost', 0.02)) throw new Error('Queue send failed: Internal Error');
    return sent;
  }

  /** A database that fails before, within and after a transaction, and in reading. */
  database(db: D1Database): D1Database {
    const real = new WeakMap<object, D1PreparedStatement>();
    const statement = (made: D1PreparedStatement): D1PreparedStatement => {
      const suffering = new Proxy(made, {
        get: (target, name) => {
          if (name === 'bind') return (...values: unknown[]) => statement(target.bind(...values));
          const value: unknown = Reflect.get(target, name);
          if (typeof value !== 'function') return value;
          return async (...args: unknown[]) => {
            this.#d1Error('d1_read_fails', 0.03);
            return value.apply(target, args);
          };
        },
      });
      real.set(suffering, made);
      return suffering;
    };
    const batch = async (statements: D1PreparedStatement[]) => {
      this.#d1Error('d1_fails_before', 0.04);
      const list = statements.map((one) => real.get(one) ?? one);
      if (this.hits('d1_fails_within', 0.03))
        list.splice(Math.floor(this.random() * (list.length + 1)), 0, db.prepare("SELECT json('{')"));
      const results = await db.batch(list);
      this.#d1Error('d1_fails_after', 0.04);
      return results;
    };
    return new Proxy(db, {
      get: (target, name) => {
        if (name === 'prepare') return (sql: string) => statement(target.prepare(sql));
        if (name === 'batch') return batch;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  #d1Error(kind: string, rate: number): void {
    if (this.hits(kind, rate)) throw new Error(D1_ERRORS[Math.floor(this.random() * D1_ERRORS.length)]);
  }

  /** In another order. */
  shuffled<T>(list: readonly T[]): T[] {
    return list
      .map((item) => ({ item, at: this.random() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ item }) => item);
  }
}
