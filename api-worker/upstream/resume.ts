import type { Answer } from './attempt.ts';
import { continuedChunk, isFailure, type Joint, readChunk, type Shape, shapeOf, takeChunk } from './chunk.ts';
import { NOTHING_SAID, type Said, SeamMismatch } from './continuation.ts';
import { AttemptFailure } from './failure.ts';
import { whileWaiting } from './keep-alive.ts';
import { clientLeft, type RelayEnd, tellOfDeath, upstreamDied, write } from './relay.ts';
import { DONE, dataOf, eventOf, headerSafe, wholeEvents } from './sse.ts';

const RESUMES_MAX = 3;

const encoder = new TextEncoder();

/** Another model's answer that goes on where one broke off. */
interface Resumed extends Joint {
  answer: Answer;
}

/** Finds one; null: there is none, or it could not be right. Never rejects. */
export type Resume = (said: Said, died: Answer) => Promise<Resumed | null>;

/**
 * Relays a stream so that it can be continued on another model when its upstream breaks it. Event by
 * event through JavaScript, for nothing may go out that cannot be joined: no half event, no error, no
 * `[DONE]` before its time. That costs some times the CPU of {@link relay}, and is why it is asked for.
 *
 * @returns never rejects.
 */
export async function relayResumable(
  first: Answer,
  writable: WritableStream<Uint8Array>,
  resume: Resume,
): Promise<RelayEnd> {
  const stream = new ResumableStream(writable);
  let answer = first;
  let joined: Resumed | null = null;
  for (let resumes = 0; ; resumes += 1) {
    answer.record.relayed = true;
    const end = await stream.take(answer, joined);
    answer.finish();
    if (end === 'client_left') return clientLeft(answer);
    if (end === 'complete' || stream.said.finish !== null) {
      if (end === 'died') upstreamDied(answer);
      const ended = await stream.end();
      return ended ? 'complete' : clientLeft(answer);
    }
    upstreamDied(answer);
    const resuming = resumes < RESUMES_MAX ? resume(stream.said, answer) : Promise.resolve(null);
    joined = await whileWaiting(resuming, writable);
    if (!joined) return tellOfDeath(answer, writable);
    await stream.markSeam(joined.answer.record.model);
    answer = joined.answer;
  }
}

/** The client's side of a stream that goes on whoever speaks. */
class ResumableStream {
  readonly #writable: WritableStream<Uint8Array>;
  said: Said = NOTHING_SAID;
  /** Of the first event: what all later ones must look like. */
  #shape: Shape | null = null;
  #counted = false;

  constructor(writable: WritableStream<Uint8Array>) {
    this.#writable = writable;
  }

  /** Relays one answer as far as it goes. */
  async take(answer: Answer, joined: Resumed | null): Promise<'complete' | 'died' | 'client_left'> {
    try {
      let state: 'open' | 'complete' | 'died' = 'open';
      for await (const events of eventsOf(answer)) {
        const translated = await this.#translate(events, joined);
        const { out } = translated;
        if (out !== '' && !(await write(this.#writable, encoder.encode(out)))) return 'client_left';
        state = translated.state;
        if (state !== 'open') break;
      }
      // A missing `[DONE]` alone is no fault.
      if (state === 'open' && (this.said.finish !== null || this.#counted)) state = 'complete';
      if (state !== 'complete') return 'died';
      joined?.seam.end();
      return 'complete';
    } catch (error) {
      if (error instanceof SeamMismatch) {
        // What it said was kept back, and is thrown away.
        Object.assign(answer.record, { relayed: false, failure: new AttemptFailure('unjoined', { cause: error }) });
      }
      return 'died';
    }
  }

  /** What of some events the client gets, and whether the answer ended or broke with them. */
  async #translate(events: readonly string[], joined: Resumed | null) {
    let out = '';
    for (const event of events) {
      const data = dataOf(event);
      if (data === '') out += event;
      else if (data === DONE) return { out, state: 'complete' as const };
      else {
        const chunk = readChunk(data);
        if (!chunk || isFailure(chunk)) return { out, state: 'died' as const };
        this.#shape ??= shapeOf(chunk);
        this.#counted ||= Boolean(chunk.usage);
        if (!joined) {
          this.said = takeChunk(this.said, chunk);
          out += event;
          continue;
        }
        const own = await continuedChunk(chunk, this.#shape, joined);
        if (!own) continue;
        this.said = takeChunk(this.said, own);
        out += eventOf(JSON.stringify(own));
      }
    }
    return { out, state: 'open' as const };
  }

  /** A comment where another model takes over. */
  async markSeam(model: string): Promise<void> {
    await write(
      this.#writable,
      encoder.encode(`: resuming with ${headerSafe(model)} after ${this.said.text.length} characters\n\n`),
    );
  }

  /** Ends the stream as one that is whole; false: the client has left. */
  async end(): Promise<boolean> {
    const written = await write(this.#writable, encoder.encode(eventOf(DONE)));
    await this.#writable.close().catch(() => undefined);
    return written;
  }
}

/** The whole events of a stream, those that come together at once. A cut one at the end is left out. */
async function* eventsOf(answer: Answer): AsyncGenerator<string[]> {
  const decoder = new TextDecoder();
  let { events, rest } = wholeEvents(decoder.decode(answer.head, { stream: true }));
  yield events;
  for await (const bytes of answer.rest ?? []) {
    ({ events, rest } = wholeEvents(rest + decoder.decode(bytes, { stream: true })));
    if (events.length > 0) yield events;
  }
  // A stream that ended by itself may lack the last blank line.
  const last = rest.trim();
  if (dataOf(last) !== '') yield [`${last}\n\n`];
}
