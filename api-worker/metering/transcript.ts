import { concat } from '../upstream/peek.ts';
import { ISOLATE_BYTES, TRANSCRIPT_BYTES } from './transcript-bounds.ts';

/** Of one that is cut, at least, so much is kept, and at most. */
const END_BYTES = { least: 16 * 1024, most: 2 * 1024 * 1024 };
/**
 * JavaScript looks at what has come so often, not at each chunk. What comes in between the runtime keeps in memory that
 * no heap figure shows: later looks would hide it, not save it.
 */
const LOOK_EVERY_MS = 500;
const READ_BYTES = 16 * 1024;
/** Every event has one in its JSON, and no keep-alive comment or padding has. */
const QUOTE = 0x22;
const NEWLINE = 0x0a;
/** What an event's line begins with. */
const EVENT = new TextEncoder().encode('data:');

/** What the upstream sent. */
export interface Transcript {
  text: string;
  /** How much is missing before the text; 0: it is whole. */
  omittedBytes: number;
}

/** How a body is gathered. */
export interface Gathering {
  /** Settles when the end must be known at once rather than at the next look. */
  hurry: Promise<unknown>;
  /** Whether it is made of events, the last of which is never cut, rather than JSON. */
  streamed: boolean;
  /** Whether the text is needed for the answer itself, so that others must make room for it. */
  needed: boolean;
}

/** A transcript in the making. */
export interface Collecting {
  /** What had come when the body ended, in whichever way. Never rejects. */
  transcript: Promise<Transcript>;
  /** When an event, or a part of one, was last seen to have come, Unix ms; comments are none. */
  lastEventAt(): number;
}

/** What was read of a body that is not read on. */
export function transcriptOf(read: readonly Uint8Array[]): Transcript {
  return { text: decode(read), omittedBytes: 0 };
}

/**
 * Gathers a body to its end, in bounded memory. It is the branch of a tee, in which the runtime keeps
 * what comes while we do not look: one read takes all of it, and what came before a failure is not lost.
 *
 * @param read what was read of the body before the tee.
 */
export function collect(
  read: readonly Uint8Array[],
  body: ReadableStream<Uint8Array>,
  gathering: Gathering,
): Collecting {
  let lastEventAt = Date.now();
  const transcript = gather(read, body, gathering, (bytes) => {
    if (bytes.includes(QUOTE)) lastEventAt = Date.now();
  });
  return { transcript, lastEventAt: () => lastEventAt };
}

async function gather(
  read: readonly Uint8Array[],
  body: ReadableStream<Uint8Array>,
  { hurry, streamed, needed }: Gathering,
  onBytes: (bytes: Uint8Array) => void,
): Promise<Transcript> {
  const reader = body.getReader({ mode: 'byob' });
  const kept = new Kept(streamed, needed);
  for (const bytes of read) kept.add(bytes);
  let hurried = false;
  const hurrying = hurry.then(() => {
    hurried = true;
  });
  // The same one for each read: new ones would lie about until they are collected.
  let buffer = new ArrayBuffer(READ_BYTES);
  try {
    for (let more = false; ; ) {
      if (!hurried && !more) await Promise.race([scheduler.wait(LOOK_EVERY_MS), hurrying]);
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (value?.byteLength) {
        kept.add(value.slice());
        onBytes(value);
      }
      if (done) return kept.take();
      more = value.byteLength === READ_BYTES;
      buffer = value.buffer as ArrayBuffer;
    }
  } catch {
    return kept.take();
  }
}

/** Of all transcripts in the making of this isolate. */
let heldBytes = 0;
/** The runtime may end a request in the midst of its transcript, which nobody then takes. */
const abandoned = new FinalizationRegistry<{ bytes: number }>((held) => {
  heldBytes -= held.bytes;
});

/** Bytes, or the last of them when there are too many. */
class Kept {
  readonly #streamed: boolean;
  readonly #needed: boolean;
  readonly #held = { bytes: 0 };
  #pieces: Uint8Array[] = [];
  #omittedBytes = 0;

  constructor(streamed: boolean, needed: boolean) {
    this.#streamed = streamed;
    this.#needed = needed;
    abandoned.register(this, this.#held, this);
  }

  add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#hold(piece.byteLength);
    const tooMany = this.#held.bytes > TRANSCRIPT_BYTES || (heldBytes > ISOLATE_BYTES && !this.#needed);
    // What is not whole is of no use beyond its end.
    if (tooMany || this.#omittedBytes > 0) this.#cut();
  }

  /** What is kept, as text, from then on held by who asked. */
  take(): Transcript {
    const text = decode(this.#pieces);
    this.#pieces = [];
    this.#hold(-this.#held.bytes);
    abandoned.unregister(this);
    return { text, omittedBytes: this.#omittedBytes };
  }

  #cut(): void {
    const lastEvent = this.#streamed ? this.#pieces.findLastIndex(beginsEvent) : this.#pieces.length;
    let left = this.#held.bytes;
    const from = this.#pieces.findIndex((piece, n) => {
      const mayGo = left - piece.byteLength >= END_BYTES.least && (n < lastEvent || left > END_BYTES.most);
      if (mayGo) left -= piece.byteLength;
      return !mayGo;
    });
    this.#pieces.splice(0, from);
    this.#omittedBytes += this.#held.bytes - left;
    this.#hold(left - this.#held.bytes);
  }

  #hold(more: number): void {
    this.#held.bytes += more;
    heldBytes += more;
  }
}

/** Looked for in bytes and from the end, where it mostly is found at once. */
function beginsEvent(piece: Uint8Array): boolean {
  for (let at = piece.lastIndexOf(NEWLINE); at >= 0; at = at === 0 ? -1 : piece.lastIndexOf(NEWLINE, at - 1)) {
    if (EVENT.every((byte, n) => piece[at + 1 + n] === byte)) return true;
  }
  return false;
}

function decode(pieces: readonly Uint8Array[]): string {
  return new TextDecoder().decode(concat(pieces));
}
