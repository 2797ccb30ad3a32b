import type { Transcript } from '../metering/transcript.ts';
import { meterTranscript } from '../metering/usage.ts';
import type { Answer } from './attempt.ts';
import { AttemptFailure } from './failure.ts';
import { DONE, dataOf, jsonOf, wholeEvents } from './sse.ts';
import { errorEvent } from './stream-errors.ts';

/** How a relayed answer ended. */
export type RelayEnd =
  | 'complete'
  /** The upstream broke off; the client was told. */
  | 'upstream_died'
  /** The client broke off; the upstream was told. */
  | 'client_left';

const BROKEN_OFF = errorEvent('The model broke off its answer. Please try again.', 'upstream_error');

/**
 * Sends an answer's bytes to the client verbatim: the head by hand, the rest by the runtime's own
 * pipe. JavaScript runs again only when the pipe ends.
 *
 * @param writable of the identity stream whose readable side is the response's body.
 * @returns never rejects.
 */
export async function relay(
  answer: Answer,
  writable: WritableStream<Uint8Array>,
  streamed: boolean,
): Promise<RelayEnd> {
  answer.record.relayed = true;
  if (!(await write(writable, answer.head))) return clientLeft(answer);
  const piped = await pipe(answer.rest, writable);
  answer.finish();
  const transcript = await answer.record.transcript;
  if (piped && transcript && endsWhole(transcript, streamed)) {
    const { failed } = meterTranscript(transcript, streamed);
    if (failed && streamed && mayBeOverlooked(transcript.text)) return tellOfDeath(answer, writable);
    // An error in the midst was the upstream's to tell, and the client has it.
    await writable.close().catch(() => undefined);
    return failed ? upstreamDied(answer) : 'complete';
  }
  // Who broke off? What can still be written to has not left.
  if (!streamed) {
    const left = !(await write(writable, new Uint8Array([0x20])));
    await writable.abort().catch(() => undefined);
    return left ? clientLeft(answer) : upstreamDied(answer);
  }
  return tellOfDeath(answer, writable);
}

/** How an answer ends that had come whole before any of it was sent. Never rejects. */
export async function endOfWhole(answer: Answer): Promise<RelayEnd> {
  answer.record.relayed = true;
  answer.finish();
  const transcript = await answer.record.transcript;
  return transcript && meterTranscript(transcript, false).failed ? upstreamDied(answer) : 'complete';
}

/**
 * Whether a stream's error came only beside `choices`: some clients, such as the AI SDK, take that for a
 * chunk like any other. They read on after `[DONE]`; those that do not have raised.
 */
function mayBeOverlooked(transcript: string): boolean {
  const { events, rest } = wholeEvents(transcript);
  return ![...events, rest].some((event) => {
    const told = jsonOf<{ error?: unknown; choices?: unknown; type?: unknown }>(dataOf(event));
    return told && ((told.error && told.choices === undefined) || /^(error|response\.failed)$/.test(String(told.type)));
  });
}

/** Ends a stream that its upstream broke off, as the official SDKs notice it. */
export async function tellOfDeath(answer: Answer, writable: WritableStream<Uint8Array>): Promise<RelayEnd> {
  if (!(await write(writable, BROKEN_OFF))) return clientLeft(answer);
  await writable.close().catch(() => undefined);
  return upstreamDied(answer);
}

export function clientLeft(answer: Answer): RelayEnd {
  answer.record.failure = new AttemptFailure('client_left');
  answer.abort();
  return 'client_left';
}

export function upstreamDied(answer: Answer): RelayEnd {
  answer.record.failure ??= new AttemptFailure('died');
  answer.abort();
  return 'upstream_died';
}

function pipe(rest: ReadableStream<Uint8Array> | null, writable: WritableStream<Uint8Array>): Promise<boolean> {
  if (!rest) return Promise.resolve(true);
  return rest.pipeTo(writable, { preventClose: true, preventAbort: true }).then(
    () => true,
    () => false,
  );
}

/** Writes bytes and says whether the client took them. */
export async function write(writable: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<boolean> {
  const writer = writable.getWriter();
  try {
    await writer.write(bytes);
    return true;
  } catch {
    return false;
  } finally {
    writer.releaseLock();
  }
}

/**
 * Whether an answer that ended by itself is whole. Of a stream, a missing `[DONE]` alone is no fault,
 * some providers never send it; but then a finish or usage must have come, and the last event not be cut.
 */
function endsWhole(transcript: Transcript, streamed: boolean): boolean {
  const { text } = transcript;
  if (!streamed) return /[}\]]\s*$/.test(text.slice(-64));
  const last = dataOf(text.slice(text.lastIndexOf('\ndata:') + 1).trim());
  if (last === DONE) return true;
  const { finish_reason, usage_source } = meterTranscript(transcript, true).fields;
  return jsonOf(last) !== null && (finish_reason !== null || usage_source === 'provider');
}
