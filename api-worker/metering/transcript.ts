/** A transcript past this keeps its head and its tail: usage and the end stand in the last bytes. */
export const TRANSCRIPT_BYTES = 4 * 1024 * 1024;
const HALF_BYTES = TRANSCRIPT_BYTES / 2;
/** JavaScript wakes once for so many bytes, not for each chunk. */
const READ_BYTES = 64 * 1024;

/** What the upstream sent. */
export interface Transcript {
  text: string;
  /** Whether bytes were left out between head and tail. */
  truncated: boolean;
  /** Whether the upstream ended by itself, rather than died or was aborted. */
  ended: boolean;
}

/**
 * Gathers a body to its end, in bounded memory. The body is piped natively through an identity
 * stream that is closed in every case, so that what came before a failure is kept.
 *
 * @returns never rejects.
 */
export async function collect(body: ReadableStream<Uint8Array>): Promise<Transcript> {
  const { readable, writable } = new IdentityTransformStream();
  const gathered = gather(readable);
  const ended = await body.pipeTo(writable, { preventClose: true, preventAbort: true }).then(
    () => true,
    () => false,
  );
  await writable.close().catch(() => undefined);
  return { ...(await gathered), ended };
}

async function gather(readable: ReadableStream<Uint8Array>): Promise<Omit<Transcript, 'ended'>> {
  const reader = readable.getReader({ mode: 'byob' });
  const head: Uint8Array[] = [];
  const tail: Uint8Array[] = [];
  let headBytes = 0;
  let tailBytes = 0;
  let truncated = false;
  for (;;) {
    const { value, done } = await reader.readAtLeast(READ_BYTES, new Uint8Array(READ_BYTES));
    if (value?.byteLength) {
      if (headBytes < HALF_BYTES) {
        head.push(value);
        headBytes += value.byteLength;
      } else {
        tail.push(value);
        tailBytes += value.byteLength;
        while (tailBytes - (tail[0]?.byteLength ?? 0) >= HALF_BYTES) {
          tailBytes -= tail.shift()?.byteLength ?? 0;
          truncated = true;
        }
      }
    }
    if (done) break;
  }
  const text = truncated ? `${decode(head)}\n\n${decode(tail)}` : decode([...head, ...tail]);
  return { text, truncated };
}

function decode(chunks: readonly Uint8Array[]): string {
  const decoder = new TextDecoder();
  return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join('') + decoder.decode();
}
