import { TRANSCRIPT_BYTES } from '../metering/transcript-bounds.ts';
import { keepAlive } from '../upstream/keep-alive.ts';
import { write } from '../upstream/relay.ts';
import { DONE, eventOf } from '../upstream/sse.ts';

const QUIET_MS = 10_000;
const encoder = new TextEncoder();

/**
 * The client's side of a stream that the gateway writes: events in the order in which they are told,
 * and comments while there is nothing to tell, such as when a tool takes its time.
 */
export class ClientStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #writable: WritableStream<Uint8Array>;
  readonly #begun = Promise.withResolvers<void>();
  readonly #onLeft: () => void;
  #quiet: ReturnType<typeof setTimeout>;
  #last: Promise<unknown> = Promise.resolve();
  #events: string[] | null = [];
  #chars = 0;
  /** Whether anything was told. */
  begins = false;
  /** When the first event was told, Unix ms; null: none was. */
  firstEventAt: number | null = null;
  left = false;

  /**
   * @param commitAfterMs after which the stream begins with a comment, if there is nothing else to begin with.
   * @param onLeft called once when the client is found to have left.
   */
  constructor(commitAfterMs: number, onLeft: () => void) {
    const { readable, writable } = new IdentityTransformStream();
    this.readable = readable;
    this.#writable = writable;
    this.#onLeft = onLeft;
    this.#quiet = setTimeout(() => this.#whileQuiet(), commitAfterMs);
  }

  /** Resolves when anything is told. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** All events that were told, as they were written; null: more than is kept of a transcript. */
  get text(): string | null {
    return this.#events?.join('') ?? null;
  }

  /** Of all of them, in characters. */
  get length(): number {
    return this.#chars;
  }

  /** Tells an event. Resolves when the client has taken it, or has left. */
  event(data: object | typeof DONE): Promise<void> {
    this.firstEventAt ??= Date.now();
    const event = eventOf(typeof data === 'string' ? data : JSON.stringify(data));
    this.#chars += event.length;
    if (this.#chars > TRANSCRIPT_BYTES) this.#events = null;
    this.#events?.push(event);
    return this.#write(encoder.encode(event));
  }

  /** Ends the stream, with bytes that say why if it is not whole. */
  async end(why?: Uint8Array): Promise<void> {
    await (why ? this.#write(why) : this.event(DONE));
    clearTimeout(this.#quiet);
    await this.#writable.close().catch(() => undefined);
  }

  /** Ends it without anything having been told. */
  drop(): void {
    clearTimeout(this.#quiet);
    void this.#writable.abort().catch(() => undefined);
  }

  #whileQuiet(): void {
    this.#tell(() => keepAlive(this.#writable));
  }

  #write(bytes: Uint8Array): Promise<void> {
    return this.#tell(() => write(this.#writable, bytes));
  }

  /** One after the other, for a stream has one writer at a time. */
  async #tell(write: () => Promise<boolean>): Promise<void> {
    this.begins = true;
    this.#begun.resolve();
    clearTimeout(this.#quiet);
    const written = this.#last.then(write);
    this.#last = written;
    if (!(await written) && !this.left) {
      this.left = true;
      this.#onLeft();
    }
    clearTimeout(this.#quiet);
    if (!this.left) this.#quiet = setTimeout(() => this.#whileQuiet(), QUIET_MS);
  }
}
