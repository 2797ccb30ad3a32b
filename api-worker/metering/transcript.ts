/** A transcript past this keeps its head and its tail: usage and the end stand in the last bytes. */
export const TRANSCRIPT_BYTES = 4 * 1024 * 1024;
const HALF_BYTES = TRANSCRIPT_BYTES / 2;
/** JavaScript looks at what has come so often, not at each chunk. */
const LOOK_EVERY_MS = 500;
const READ_BYTES = 64 * 1024;
/** Every event has one in its JSON, and no keep-alive comment or padding has. */
const QUOTE = 0x22;

/** What the upstream sent. */
export interface Transcript {
  text: string;
  /** Whether bytes were left out between head and tail. */
  truncated: boolean;
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
  const kept = new HeadAndTail();
  for (const bytes of read) kept.add(bytes);
  return kept.text();
}

/**
 * Gathers a body to its end, in bounded memory. It is the branch of a tee, in which the runtime keeps
 * what comes while we do not look: one read takes all of it, and what came before a failure is not lost.
 *
 * @param read what was read of the body before the tee.
 * @param hurry settles when the end must be known at once rather than at the next look.
 */
export function collect(
  read: readonly Uint8Array[],
  body: ReadableStream<Uint8Array>,
  hurry: Promise<unknown>,
): Collecting {
  let lastEventAt = Date.now();
  const transcript = gather(read, body, hurry, (bytes) => {
    if (bytes.includes(QUOTE)) lastEventAt = Date.now();
  });
  return { transcript, lastEventAt: () => lastEventAt };
}

async function gather(
  read: readonly Uint8Array[],
  body: ReadableStream<Uint8Array>,
  hurry: Promise<unknown>,
  onBytes: (bytes: Uint8Array) => void,
): Promise<Transcript> {
  const reader = body.getReader({ mode: 'byob' });
  const kept = new HeadAndTail();
  for (const bytes of read) kept.add(bytes);
  let hurried = false;
  const hurrying = hurry.then(() => {
    hurried = true;
  });
  try {
    for (let more = false; ; ) {
      if (!hurried && !more) await Promise.race([scheduler.wait(LOOK_EVERY_MS), hurrying]);
      const { value, done } = await reader.read(new Uint8Array(READ_BYTES));
      if (value?.byteLength) {
        kept.add(value);
        onBytes(value);
      }
      if (done) return kept.text();
      more = value.byteLength === READ_BYTES;
    }
  } catch {
    return kept.text();
  }
}

/** The beginning and the end of more bytes than are kept. */
class HeadAndTail {
  readonly #head: Uint8Array[] = [];
  readonly #tail: Uint8Array[] = [];
  #headBytes = 0;
  #tailBytes = 0;
  #truncated = false;

  add(read: Uint8Array): void {
    // A short read would keep the whole buffer that it was read into.
    const bytes = read.byteLength < READ_BYTES ? read.slice() : read;
    if (this.#headBytes < HALF_BYTES) {
      this.#head.push(bytes);
      this.#headBytes += bytes.byteLength;
      return;
    }
    this.#tail.push(bytes);
    this.#tailBytes += bytes.byteLength;
    while (this.#tailBytes - (this.#tail[0]?.byteLength ?? 0) >= HALF_BYTES) {
      this.#tailBytes -= this.#tail.shift()?.byteLength ?? 0;
      this.#truncated = true;
    }
  }

  text(): Transcript {
    const truncated = this.#truncated;
    const text = truncated ? `${decode(this.#head)}\n\n${decode(this.#tail)}` : decode([...this.#head, ...this.#tail]);
    return { text, truncated };
  }
}

function decode(chunks: readonly Uint8Array[]): string {
  const decoder = new TextDecoder();
  return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join('') + decoder.decode();
}
