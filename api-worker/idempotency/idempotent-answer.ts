import { DurableObject } from 'cloudflare:workers';

/** For how long an answer is given again. */
const KEEP_MS = 24 * 3_600_000;
/** A first request that is not heard of for so long is taken for dead. */
export const LEASE_MS = 60_000;
/** What is longer is not kept: a row holds 2 MB, an isolate 128. */
const BODY_MAX_BYTES = 16 * 1024 * 1024;
const ROW_BYTES = 1024 * 1024;

const TABLES = 'CREATE TABLE IF NOT EXISTS parts (n INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;';

/** What the answer's status line and headers said; null where they did not. */
interface AnswerHead {
  contentType: string;
  model: string | null;
}

/** Which request has the key. */
interface Claimed {
  /** Of its path and body. */
  requestHash: string;
  /** Of the first request, which is the one that is answered. */
  requestId: string;
  claimedAt: number;
  /** The answer, once it is whole. */
  head: AnswerHead | null;
}

/** An answer that is being given. */
interface Running {
  leaseUntil: number;
  head: AnswerHead | null;
  parts: Uint8Array[];
  ended: boolean;
  /** Resolves at the next change, for those who read along. */
  changed: PromiseWithResolvers<void>;
}

/** What a request with a key is to do. */
type ClaimVerdict =
  /** It is the first. */
  | 'first'
  /** Its key was used for another request. */
  | 'other_request'
  /** It gets the first one's answer: to be asked for by `replay`. */
  | 'repeated';

/**
 * One object an idempotency key of an account: the one place that knows who came first, and that hands
 * the first one's answer to all others, while it is still being given and for a day after.
 */
export class IdempotentAnswer extends DurableObject<ApiBindings> {
  readonly #storage: DurableObjectStorage;
  #claimed: Claimed | null;
  /** Of a first request that this object has heard of; lost with its memory, and the claim with it. */
  #running: Running | null = null;

  constructor(ctx: DurableObjectState, env: ApiBindings) {
    super(ctx, env);
    this.#storage = ctx.storage;
    this.#storage.sql.exec(TABLES);
    this.#claimed = this.#storage.kv.get<Claimed>('claimed') ?? null;
  }

  async claim(requestHash: string, requestId: string): Promise<ClaimVerdict> {
    const now = Date.now();
    if (this.#claimed && this.#isDead(now)) this.#forget();
    if (this.#claimed) return this.#claimed.requestHash === requestHash ? 'repeated' : 'other_request';
    this.#claimed = { requestHash, requestId, claimedAt: now, head: null };
    const changed = Promise.withResolvers<void>();
    this.#running = { leaseUntil: now + LEASE_MS, head: null, parts: [], ended: false, changed };
    this.#storage.kv.put('claimed', this.#claimed);
    await this.#storage.setAlarm(now + KEEP_MS);
    return 'first';
  }

  /** Says that the first request lives. */
  renew(requestId: string): void {
    if (this.#running && this.#claimed?.requestId === requestId) this.#running.leaseUntil = Date.now() + LEASE_MS;
  }

  /** Takes the first answer as it is given. Resolves when it has ended; says whether all of it is here. */
  async take(requestId: string, head: AnswerHead, body: ReadableStream<Uint8Array>): Promise<boolean> {
    const running = this.#claimed?.requestId === requestId ? this.#running : null;
    if (!running) {
      await body.cancel();
      return false;
    }
    running.head = head;
    let bytes = 0;
    try {
      for await (const part of body) {
        bytes += part.byteLength;
        if (bytes > BODY_MAX_BYTES) break;
        running.parts.push(part);
        tell(running);
      }
    } finally {
      running.ended = true;
      tell(running);
    }
    return bytes <= BODY_MAX_BYTES;
  }

  /** Keeps the first answer, which was a good one. */
  keep(requestId: string): void {
    if (this.#claimed?.requestId !== requestId || !this.#running?.head) return;
    const { head, parts } = this.#running;
    for (const [n, bytes] of rowsOf(parts).entries()) {
      this.#storage.sql.exec('INSERT OR REPLACE INTO parts VALUES (?, ?)', n, bytes);
    }
    this.#claimed = { ...this.#claimed, head };
    this.#storage.kv.put('claimed', this.#claimed);
    this.#running = null;
  }

  /** Gives the key back: the first request came to nothing that is worth repeating. */
  release(requestId: string): void {
    if (this.#claimed?.requestId === requestId) this.#forget();
  }

  /** The first one's answer, once it begins; null: it came to nothing, and the key is free again. */
  async replay(): Promise<{ head: AnswerHead; body: ReadableStream<Uint8Array> } | null> {
    while (this.#claimed && !this.#claimed.head) {
      const running = this.#running;
      if (!running || this.#isDead(Date.now())) return null;
      if (running.head) return { head: running.head, body: streamOf(partsOf(running)) };
      await Promise.race([running.changed.promise, scheduler.wait(running.leaseUntil - Date.now())]);
    }
    const head = this.#claimed?.head;
    return head ? { head, body: streamOf(this.#rows()) } : null;
  }

  override async alarm(): Promise<void> {
    this.#claimed = null;
    this.#running = null;
    await this.#storage.deleteAll();
    this.#storage.sql.exec(TABLES);
  }

  #isDead(now: number): boolean {
    if (this.#claimed?.head) return now > this.#claimed.claimedAt + KEEP_MS;
    const { head, ended, leaseUntil } = this.#running ?? { head: null, ended: true, leaseUntil: 0 };
    return (head === null || ended) && now > leaseUntil;
  }

  #forget(): void {
    this.#claimed = null;
    this.#storage.kv.delete('claimed');
    this.#storage.sql.exec('DELETE FROM parts');
    const running = this.#running;
    this.#running = null;
    if (!running) return;
    running.ended = true;
    tell(running);
  }

  async *#rows(): AsyncGenerator<Uint8Array> {
    for (const { bytes } of this.#storage.sql.exec<{ bytes: ArrayBuffer }>('SELECT bytes FROM parts ORDER BY n')) {
      yield new Uint8Array(bytes);
    }
  }
}

function tell(running: Running): void {
  const { changed } = running;
  running.changed = Promise.withResolvers();
  changed.resolve();
}

/** What has come and what is still to come. */
async function* partsOf(running: Running): AsyncGenerator<Uint8Array> {
  for (let n = 0; ; ) {
    const { changed, ended, parts } = running;
    for (; n < parts.length; n += 1) yield parts[n] as Uint8Array;
    if (ended) return;
    await changed.promise;
  }
}

/** Streams cross a call between Workers only as byte streams of the runtime's own. */
function streamOf(parts: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  const feed = async () => {
    const writer = writable.getWriter();
    try {
      for await (const part of parts) await writer.write(part);
      await writer.close();
    } catch (error) {
      await writer.abort(error);
    }
  };
  // Who reads along may leave: that is no failure.
  void feed().catch(() => undefined);
  return readable;
}

function rowsOf(parts: readonly Uint8Array[]): Uint8Array[] {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.byteLength;
  }
  const rows: Uint8Array[] = [];
  for (let start = 0; start < all.byteLength; start += ROW_BYTES) rows.push(all.slice(start, start + ROW_BYTES));
  return rows;
}
