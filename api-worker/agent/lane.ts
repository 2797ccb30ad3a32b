import type { ClientAnswer, Ending } from '../upstream/answer-client.ts';
import { streamHeaders } from '../upstream/answer-client.ts';
import { reasonOf } from '../upstream/attempt.ts';
import { clientError } from '../upstream/client-error.ts';
import type { UpstreamRequest } from '../upstream/failover.ts';
import { AttemptFailure } from '../upstream/failure.ts';
import { headerSafe } from '../upstream/sse.ts';
import { errorEvent } from '../upstream/stream-errors.ts';
import { ClientStream } from './client-stream.ts';
import type { UpstreamSteps } from './upstream-steps.ts';

/** Gets an answer by being the model's client oneself. */
export type Answering = (upstream: UpstreamRequest, requestedModel: string) => Promise<ClientAnswer>;

/** What is written to a client, once it is all there. */
interface Written {
  /** Of the model that answered first. */
  model: string;
  /** Whether every part of it ended as the models wanted, so that it may be given again. */
  repeatable: boolean;
  firstEventAt: number;
}

/** Work that ends with the client, or when its time is over. */
interface Bounded {
  signal: AbortSignal;
  stop(why: AttemptFailure): void;
  done(): void;
}

/** A signal that ends with another one, on demand, and when the time is over. */
export function bounded(outer: AbortSignal, timeoutMs: number): Bounded {
  const inner = new AbortController();
  const timer = setTimeout(() => inner.abort(new AttemptFailure('timeout')), timeoutMs);
  return {
    signal: AbortSignal.any([outer, inner.signal]),
    stop: (why) => inner.abort(why),
    done: () => clearTimeout(timer),
  };
}

/**
 * Why there is no answer: it is not wanted any more, the upstream gave none, as failover found, or one
 * that the SDK can make nothing of.
 */
export function failureOf(signal: AbortSignal, steps: UpstreamSteps, error: unknown): AttemptFailure {
  if (signal.aborted) return reasonOf(signal);
  return steps.failure ?? unreadable(error);
}

/** What the SDK could make nothing of. Its own words quote the answer, and must not come into the log. */
export function unreadable(error: unknown): AttemptFailure {
  return new AttemptFailure('died', { cause: error instanceof Error ? error.name : 'unknown' });
}

/**
 * Answers with JSON, once all of it is there.
 *
 * @throws AttemptFailure when there is none.
 */
export async function answerWhole(
  { journal }: UpstreamRequest,
  work: () => Promise<Written & { body: unknown }>,
): Promise<ClientAnswer> {
  const { body, model, repeatable, firstEventAt } = await work();
  const json = JSON.stringify(body);
  const headers = {
    'content-type': 'application/json',
    'x-gateway-model': headerSafe(model),
    'x-gateway-attempts': String(journal.attempts.length),
  };
  const ending: Ending = {
    end: 'complete',
    firstEventAt,
    body: json,
    bodyLength: json.length,
    repeatable,
    stored: null,
  };
  return { response: new Response(json, { headers }), ending: Promise.resolve(ending) };
}

/**
 * Answers with a stream that the work writes. It begins with the first event, or after `commitAfterMs`
 * with a comment; what fails after that is told as an error event.
 *
 * @param work may throw AttemptFailures; whatever else it throws is taken for one.
 * @throws AttemptFailure when it failed before it wrote anything.
 */
export async function answerStreamed(
  { journal, policy }: UpstreamRequest,
  requestedModel: string,
  stop: (why: AttemptFailure) => void,
  work: (client: ClientStream) => Promise<Written>,
): Promise<ClientAnswer> {
  const client = new ClientStream(policy.commitAfterMs, () => stop(new AttemptFailure('client_left')));
  const ending = (async (): Promise<Ending> => {
    try {
      const { repeatable, firstEventAt } = await work(client);
      await client.end();
      const end = client.left ? 'client_left' : 'complete';
      return { end, firstEventAt, body: client.text, bodyLength: client.length, repeatable, stored: null };
    } catch (error) {
      const failure = error instanceof AttemptFailure ? error : unreadable(error);
      if (!client.begins) {
        client.drop();
        return { failure };
      }
      const { message, code, type } = clientError(failure, requestedModel).body;
      await client.end(errorEvent(message, code, type));
      const { firstEventAt } = client;
      if (firstEventAt === null) return { failure };
      const end = client.left || failure.kind === 'client_left' ? 'client_left' : 'upstream_died';
      return { end, firstEventAt, body: client.text, bodyLength: client.length, repeatable: false, stored: null };
    }
  })();
  await Promise.race([client.begun, ending]);
  if (!client.begins) {
    const ended = await ending;
    throw 'failure' in ended ? ended.failure : new AttemptFailure('empty');
  }
  // Before the first event nobody knows who answers.
  const answering = client.firstEventAt === null ? undefined : journal.attempts.find(({ relayed }) => relayed);
  const headers = {
    ...streamHeaders('text/event-stream'),
    ...(answering && {
      'x-gateway-model': headerSafe(answering.model),
      'x-gateway-attempts': String(journal.attempts.length),
    }),
  };
  return { response: new Response(client.readable, { headers }), ending };
}
