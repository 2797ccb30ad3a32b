import type { StoredAnswer } from '../cache/stored-answer.ts';
import { toApiError } from '../http/errors.ts';
import { type Answer, reasonOf } from './attempt.ts';
import { clientError } from './client-error.ts';
import { failover, type UpstreamRequest } from './failover.ts';
import { AttemptFailure } from './failure.ts';
import type { Journal } from './journal.ts';
import { keepAlive, orLater, whileWaiting } from './keep-alive.ts';
import { endOfWhole, type RelayEnd, relay, write } from './relay.ts';
import { type Resume, relayResumable } from './resume.ts';
import { headerSafe } from './sse.ts';
import { errorEvent } from './stream-errors.ts';

/** How a request ended: with an answer, relayed to some end, or without one. */
export type Ending = Answered | { failure: AttemptFailure };

interface Answered {
  end: RelayEnd;
  /** When the first event had come, Unix ms. */
  firstEventAt: number;
  /** All that the client was sent; null where it is not kept as one text. */
  body: string | null;
  /** How long it was, about, kept or not; 0: it is not known. */
  bodyLength: number;
  /** Whether nothing speaks against giving it again, beyond what its usage event says. */
  repeatable: boolean;
  /** The answer that was given again; null: it is a new one. */
  stored: StoredAnswer | null;
}

export interface ClientAnswer {
  response: Response;
  /** Settles after the last byte. Never rejects. */
  ending: Promise<Ending>;
}

/** What is to be answered, and how. */
export interface ClientRequest extends UpstreamRequest {
  /** As the client named the model. */
  requestedModel: string;
  /** Goes on with a stream that broke off; null: nobody asked for that. */
  resume: Resume | null;
}

/**
 * Gets an answer and starts relaying it. A stream whose upstream stays quiet is begun with a 200 and
 * comments after `commitAfterMs`; candidates are still tried behind it, for no event has gone out.
 *
 * @throws AttemptFailure when all candidates failed and nothing has been sent.
 */
export async function answerClient(request: ClientRequest): Promise<ClientAnswer> {
  const { streamed, journal } = request;
  const answering = failover(request);
  const soon = streamed ? await orLater(answering, request.policy.commitAfterMs) : { result: await answering };
  if (!soon) {
    const { readable, writable } = new IdentityTransformStream();
    const ending = relayLate(answering, writable, request);
    return { response: new Response(readable, { headers: streamHeaders('text/event-stream') }), ending };
  }
  const { result: answer } = soon;
  const headers = {
    ...(streamed ? streamHeaders(answer.contentType) : { 'content-type': answer.contentType }),
    'x-gateway-model': headerSafe(answer.record.model),
    'x-gateway-attempts': String(journal.attempts.length),
  };
  if (!streamed && answer.rest === null) {
    return { response: new Response(answer.head, { headers }), ending: endingOf(answer, endOfWhole(answer), request) };
  }
  const { readable, writable } = new IdentityTransformStream();
  const ending = relayAnswer(answer, writable, request);
  return { response: new Response(readable, { headers }), ending };
}

/** An event stream's headers. */
export function streamHeaders(contentType: string): Record<string, string> {
  // Proxies that buffer would turn a stream into one late block.
  return { 'content-type': contentType, 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' };
}

function relayAnswer(answer: Answer, writable: WritableStream<Uint8Array>, request: ClientRequest): Promise<Ending> {
  const { streamed, resume } = request;
  const relaying = streamed && resume ? relayResumable(answer, writable, resume) : relay(answer, writable, streamed);
  return endingOf(answer, relaying, request);
}

async function endingOf(
  answer: Answer,
  relaying: Promise<RelayEnd>,
  { circuits, representative, journal, signal }: ClientRequest,
): Promise<Ending> {
  const ended = await relaying;
  const end = cutByUs(signal, journal) ? 'client_left' : ended;
  for (const { failure, model } of representative ? journal.attempts : []) {
    if (failure?.kind === 'died') circuits.report(model, failure);
  }
  return { end, firstEventAt: answer.firstEventAt, ...(await bodyOf(journal)), repeatable: true, stored: null };
}

/** Whether an answer broke off because nobody wants it any more: then its model is not to blame. */
function cutByUs(signal: AbortSignal, { attempts }: Journal): boolean {
  const cut = signal.aborted ? attempts.filter(({ failure }) => failure?.kind === 'died') : [];
  for (const record of cut) record.failure = reasonOf(signal);
  return cut.length > 0;
}

/** What was sent, where that is one transcript: of a stream that was continued there are several. */
async function bodyOf({ attempts }: Journal): Promise<Pick<Answered, 'body' | 'bodyLength'>> {
  const [relayed, ...more] = attempts.filter((record) => record.relayed);
  const transcript = more.length === 0 ? await relayed?.transcript : null;
  if (!transcript) return { body: null, bodyLength: 0 };
  const { text, omittedBytes } = transcript;
  return { body: omittedBytes === 0 ? text : null, bodyLength: text.length + omittedBytes };
}

/** Keeps a stream alive that was begun without an answer, then relays the answer or tells of the failure. */
async function relayLate(
  answering: Promise<Answer>,
  writable: WritableStream<Uint8Array>,
  request: ClientRequest,
): Promise<Ending> {
  try {
    await keepAlive(writable);
    const answer = await whileWaiting(answering, writable);
    await write(writable, whoAnswers(answer, request));
    return await relayAnswer(answer, writable, request);
  } catch (error) {
    const failure = error instanceof AttemptFailure ? error : new AttemptFailure('network', { cause: error });
    const { body } = toApiError(clientError(failure, request.requestedModel));
    await write(writable, errorEvent(body.message, body.code, body.type));
    await writable.close().catch(() => undefined);
    return { failure };
  }
}

/** What the headers would have told, had they not gone out before it was known. */
function whoAnswers({ record }: Answer, { journal }: ClientRequest): Uint8Array {
  return new TextEncoder().encode(
    `: x-gateway-model: ${headerSafe(record.model)}, x-gateway-attempts: ${journal.attempts.length}\n\n`,
  );
}
