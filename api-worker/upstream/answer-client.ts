import { toApiError } from '../http/errors.ts';
import type { Answer } from './attempt.ts';
import { clientError } from './client-error.ts';
import { failover, type UpstreamRequest } from './failover.ts';
import { AttemptFailure } from './failure.ts';
import { type RelayEnd, relay, write } from './relay.ts';
import { errorEvent, KEEP_ALIVE } from './stream-errors.ts';

const KEEP_ALIVE_MS = 10_000;

/** How a request ended: with an answer, relayed to some end, or without one. */
export type Ending = { answer: Answer; end: RelayEnd } | { failure: AttemptFailure };

export interface ClientAnswer {
  response: Response;
  /** Settles after the last byte. Never rejects. */
  ending: Promise<Ending>;
}

/**
 * Gets an answer and starts relaying it. A stream whose upstream stays quiet is begun with a 200 and
 * comments after `commitAfterMs`; candidates are still tried behind it, for no event has gone out.
 *
 * @throws AttemptFailure when all candidates failed and nothing has been sent.
 */
export async function answerClient(request: UpstreamRequest, streamed: boolean): Promise<ClientAnswer> {
  const answering = failover(request);
  const answer = streamed ? await orLater(answering, request.policy.commitAfterMs) : await answering;
  const { readable, writable } = new IdentityTransformStream();
  if (!answer) {
    const ending = relayLate(answering, writable, request);
    return { response: new Response(readable, { headers: streamHeaders('text/event-stream') }), ending };
  }
  const ending = relay(answer, writable, streamed).then((end) => ({ answer, end }));
  const headers = {
    ...(streamed ? streamHeaders(answer.contentType) : { 'content-type': answer.contentType }),
    'x-gateway-model': answer.model,
    'x-gateway-attempts': String(request.journal.attempts),
  };
  return { response: new Response(readable, { headers }), ending };
}

function streamHeaders(contentType: string): Record<string, string> {
  // Proxies that buffer would turn a stream into one late block.
  return { 'content-type': contentType, 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' };
}

async function orLater<T>(work: Promise<T>, ms: number): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Keeps a stream alive that was begun without an answer, then relays the answer or tells of the failure. */
async function relayLate(
  answering: Promise<Answer>,
  writable: WritableStream<Uint8Array>,
  request: UpstreamRequest,
): Promise<Ending> {
  try {
    let answer: Answer | null = null;
    while (!answer) {
      if (!(await write(writable, KEEP_ALIVE))) break;
      answer = await orLater(answering, KEEP_ALIVE_MS);
    }
    const last = answer ?? (await answering);
    return { answer: last, end: await relay(last, writable, true) };
  } catch (error) {
    const failure = error instanceof AttemptFailure ? error : new AttemptFailure('network', { cause: error });
    const { body } = toApiError(clientError(failure, request.candidates[0] ?? ''));
    await write(writable, errorEvent(body.message, body.code, body.type));
    await writable.close().catch(() => undefined);
    return { failure };
  }
}
