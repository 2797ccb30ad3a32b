import { DurableObject } from 'cloudflare:workers';

/** For how long an answer is given again. */
const KEEP_MS = 24 * 3_600_000;
/** A first request that is not heard of for so long is taken for dead. */
export const LEASE_MS = 60_000;
/** What is longer is not kept: it stands in the object's memory while it is given. */
const BODY_MAX_BYTES = 8 * 1024 * 1024;
/** A row holds 2 MB. */
const ROW_BYTES = 1024 * 1024;

const TABLES = 'CREATE TABLE IF NOT EXISTS parts (n INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;';

/** What the answer's status line and headers said; null where they did not. */
interface AnswerHead {
  contentType: string;
  model: string | null;
}

/** Which request has the key. Stored, so that a restart of the object frees none that is in use. */
interface Claimed {
  /** Of its path and body. */
  requestHash: string;
  /** Of the first request, which is the one that is answered. */
  requestId: string;
  claimedAt: number;
  leaseUntil: number;
  /** The answer's, once it is whole. */
  head: AnswerHead | null;
}

/** An answer that is being given. */
interface Running {
  head: AnswerHead | null;
  parts: Uint8Array[];
  ended: boolean;
  /** It ended before its end. */
  cut: boolean;
  /** Resolves at the next change, for those who read along or wait. */
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
  /** Of the first request, as far as this object's memory reaches. */
  #running = newRunning();

  constructor(ctx: DurableObjectState, env: ApiBindings) {
    super(ctx, env);
    this.#storage = ctx.storage;
    this.#storage.sql.exec(TABLES);
    this.#claimed = this.#storage.kv.get<Claimed>('claimed') ?? null;
  }

  async claim(requestHash: string, requestId: string): Promise<ClaimVerdict> {
    const now = Date.now();
    if (this.#claimed && isDead(this.#claimed, now)) this.#forget();
    if (this.#claimed) return this.#claimed.requestHash === requestHash ? 'repeated' : 'other_request';
    this.#running = newRunning();
    this.#save({ requestHash, requestId, claimedAt: now, leaseUntil: now + LEASE_MS, head: null });
    await this.#storage.setAlarm(now + KEEP_MS);
    return 'first';
  }

  /** Says that the first request lives. */
  renew(requestId: string): void {
    if (this.#claimed?.requestId !== requestId || this.#claimed.head) return;
    this.#save({ ...this.#claimed, leaseUntil: Date.now() + LEASE_MS });
  }

  /**
   * Takes the first answer as it is given, and tells, once it has ended, whether all of it is here. Its
   * worth is told by `keep` or `release`; until then who comes late waits.
   */
  async take(requestId: string, head: AnswerHead, body: ReadableStream<Uint8Array>): Promise<boolean> {
    if (this.#claimed?.requestId !== requestId) {
      await body.cancel();
      return false;
    }
    const running = this.#running;
    running.head = head;
    running.cut = true;
    let bytes = 0;
    try {
      for await (const part of body) {
        bytes += part.byteLength;
        if (bytes > BODY_MAX_BYTES) return false;
        running.parts.push(part);
        tell(running);
      }
      running.cut = false;
      return true;
    } finally {
      running.ended = true;
      tell(running);
    }
  }

  /** Keeps the first answer, which was a good one. */
  keep(requestId: string): void {
    const { head, parts, ended, cut } = this.#running;
    if (this.#claimed?.requestId !== requestId || !head || !ended || cut) return;
    let n = 0;
    for (const bytes of rowsOf(parts)) {
      this.#storage.sql.exec('INSERT OR REPLACE INTO parts VALUES (?, ?)', n, bytes);
      n += 1;
    }
    this.#save({ ...this.#claimed, head });
    const running = this.#running;
    this.#running = newRunning();
    tell(running);
  }

  /** Gives the key back: the first request came to nothing that is worth repeating. */
  release(requestId: string): void {
    if (this.#claimed?.requestId === requestId) this.#forget();
  }

  /** The first one's answer, once it begins; null: it came to nothing, and the key is free again. */
  async replay(): Promise<{ head: AnswerHead; body: ReadableStream<Uint8Array> } | null> {
    for (;;) {
      const claimed = this.#claimed;
      if (!claimed || isDead(claimed, Date.now())) return null;
      if (claimed.head) return { head: claimed.head, body: streamOf(this.#rows()) };
      const running = this.#running;
      // One that has ended is waiting for its verdict.
      if (running.head && !running.ended) return { head: running.head, body: streamOf(partsOf(running)) };
      await Promise.race([running.changed.promise, scheduler.wait(Math.max(1, claimed.leaseUntil - Date.now()))]);
    }
  }

  /** A day after the claim: each claim sets it anew. */
  override async alarm(): Promise<void> {
    this.#claimed = null;
    await this.#storage.deleteAll();
    this.#storage.sql.exec(TABLES);
  }

  #save(claimed: Claimed): void {
    this.#claimed = claimed;
    this.#storage.kv.put('claimed', claimed);
  }

  #forget(): void {
    this.#claimed = null;
    this.#storage.kv.delete('claimed');
    this.#storage.sql.exec('DELETE FROM parts');
    const running = this.#running;
    this.#running = newRunning();
    running.cut ||= !running.ended;
    running.ended = true;
    tell(running);
  }

  async *#rows(): AsyncGenerator<Uint8Array> {
    for (const { bytes } of this.#storage.sql.exec<{ bytes: ArrayBuffer }>('SELECT bytes FROM parts ORDER BY n')) {
      yield new Uint8Array(bytes);
    }
  }
}

function isDead({ head, claimedAt, leaseUntil }: Claimed, now: number): boolean {
  return now > (head ? claimedAt + KEEP_MS : leaseUntil);
}

function newRunning(): Running {
  return { head: null, parts: [], ended: false, cut: false, changed: Promise.withResolvers() };
}

function tell(running: Running): void {
  const { changed } = running;
  running.changed = Promise.withResolvers();
  changed.resolve();
}

/** What has come and what is still to come; fails where the rest never will. */
async function* partsOf(running: Running): AsyncGenerator<Uint8Array> {
  for (let n = 0; ; ) {
    const { changed, ended, parts } = running;
    for (; n < parts.length; n += 1) yield parts[n] as Uint8Array;
    if (ended && running.cut) throw new Error('the answer was cut');
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

/** The parts in pieces that a row can hold. */
function* rowsOf(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  let row = new Uint8Array(ROW_BYTES);
  let filled = 0;
  for (const part of parts) {
    for (let at = 0; at < part.byteLength; ) {
      const piece = part.subarray(at, at + ROW_BYTES - filled);
      row.set(piece, filled);
      filled += piece.byteLength;
      at += piece.byteLength;
      if (filled < ROW_BYTES) continue;
      yield row;
      row = new Uint8Array(ROW_BYTES);
      filled = 0;
    }
  }
  if (filled > 0) yield row.slice(0, filled);
}
