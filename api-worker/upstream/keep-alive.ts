import { write } from './relay.ts';

const KEEP_ALIVE_MS = 10_000;
/** A comment: no event, but bytes that keep a connection from being taken for dead. */
const KEEP_ALIVE = new TextEncoder().encode(': waiting for the model\n\n');

/** The work's result, or null if it takes longer. What the work throws is thrown. */
export async function orLater<T>(work: Promise<T>, ms: number): Promise<{ result: T } | null> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([work.then((result) => ({ result })), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Writes a comment, and says whether the client took it. */
export function keepAlive(writable: WritableStream<Uint8Array>): Promise<boolean> {
  return write(writable, KEEP_ALIVE);
}

/** The work's result; a stream's client gets comments until it is there. What the work throws is thrown. */
export async function whileWaiting<T>(work: Promise<T>, writable: WritableStream<Uint8Array>): Promise<T> {
  for (;;) {
    const done = await orLater(work, KEEP_ALIVE_MS);
    if (done) return done.result;
    if (!(await keepAlive(writable))) return work;
  }
}
