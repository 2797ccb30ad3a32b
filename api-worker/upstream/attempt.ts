import type { Env } from '../env.ts';
import { collect, type Transcript, transcriptOf } from '../metering/transcript.ts';
import { within } from '../within.ts';
import { type Caller, endpoint } from './endpoint.ts';
import { AttemptFailure, refusal } from './failure.ts';
import type { AttemptRecord } from './journal.ts';
import { concat, peek } from './peek.ts';
import type { Policy } from './policy.ts';

/** One upstream call that began to answer. Nothing of it has been sent to the client. */
export interface Answer {
  record: AttemptRecord;
  contentType: string;
  /** The first bytes, in which the first event or the JSON is whole. */
  head: Uint8Array;
  /** The bytes after `head`; null when there are none. */
  rest: ReadableStream<Uint8Array> | null;
  /** When the first event had come, Unix ms. */
  firstEventAt: number;
  /** Says that the answer's bytes are out: its transcript is wanted now. */
  finish(): void;
  /** Ends the call; many providers then stop billing. */
  abort(): void;
}

export interface UpstreamCall {
  env: Env;
  /** Below UPSTREAM_BASE_URL, such as `/chat/completions`. */
  path: string;
  caller: Caller;
  body: string;
  policy: Policy;
  /** Unix ms; what takes longer is cut short. */
  deadline: number;
  /** Whether the answer is made of its transcript; unset: it is not. */
  needsTranscript?: boolean;
  /** Aborted when the answer is not wanted any more, with the failure that it then is. */
  signal: AbortSignal;
  /** Where what becomes of the call is written. */
  record: AttemptRecord;
}

/**
 * Calls the upstream once and waits for its first event.
 *
 * @throws AttemptFailure for every way in which none came; the call is then aborted.
 */
export async function attempt(call: UpstreamCall): Promise<Answer> {
  const { policy, signal, record, deadline } = call;
  const controller = new AbortController();
  const finished = Promise.withResolvers<void>();
  const end = (): void => {
    controller.abort();
    finished.resolve();
  };
  const limit = (ms: number): number => Math.max(1, Math.min(ms, deadline - Date.now()));
  signal.addEventListener('abort', end, { once: true });
  try {
    const response = await inTime(limit(policy.headersTimeoutMs), end, send(call, controller.signal));
    if (!response.ok) throw await refused(response, limit(ERROR_BODY_MS));
    if (!response.body) throw new AttemptFailure('empty');
    const contentType = response.headers.get('content-type') ?? 'application/json';
    const transcript = Promise.withResolvers<Transcript>();
    Object.assign(record, {
      contentType,
      transcript: transcript.promise,
      generationId: response.headers.get('x-generation-id'),
    });
    const read: Uint8Array[] = [];
    let rest: Answer['rest'] = null;
    try {
      const ended = await inTime(limit(policy.firstEventTimeoutMs), end, peek(response.body, contentType, read));
      if (!ended) {
        const [client, meter] = response.body.tee();
        rest = client;
        const collecting = collect(read, meter, {
          hurry: finished.promise,
          streamed: contentType.includes('text/event-stream'),
          needed: call.needsTranscript ?? false,
        });
        transcript.resolve(collecting.transcript);
        endWhenSilent(policy.silenceTimeoutMs, collecting.lastEventAt, end, collecting.transcript);
      }
    } finally {
      if (!rest) transcript.resolve(transcriptOf(read));
    }
    return {
      record,
      contentType,
      head: concat(read),
      rest,
      firstEventAt: Date.now(),
      finish: finished.resolve,
      abort: end,
    };
  } catch (error) {
    signal.removeEventListener('abort', end);
    end();
    record.failure = signal.aborted ? reasonOf(signal) : failureOf(error);
    throw record.failure;
  }
}

function failureOf(error: unknown): AttemptFailure {
  return error instanceof AttemptFailure ? error : new AttemptFailure('network', { cause: error });
}

/** Why an answer is not wanted any more; a signal that does not say is the client's. */
export function reasonOf(signal: AbortSignal): AttemptFailure {
  return signal.reason instanceof AttemptFailure ? signal.reason : new AttemptFailure('client_left');
}

async function send({ env, path, caller, body }: UpstreamCall, signal: AbortSignal): Promise<Response> {
  const { url, headers } = endpoint(env, path, caller);
  try {
    return await fetch(url, { method: 'POST', headers, body, signal });
  } catch (cause) {
    throw new AttemptFailure('unreachable', { cause });
  }
}

/** The work, or a timeout failure and the call's end when it takes longer. */
async function inTime<T>(ms: number, end: () => void, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new AttemptFailure('timeout'));
      end();
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Ends a call whose answer had begun and from which no further event comes. */
function endWhenSilent(
  silenceMs: number,
  lastEventAt: () => number,
  end: () => void,
  transcript: Promise<unknown>,
): void {
  const timer = setInterval(() => {
    if (Date.now() - lastEventAt() >= silenceMs) end();
  }, silenceMs / 4);
  void transcript.then(() => clearInterval(timer));
}

/** Error bodies are short and come at once; what is longer is some proxy's page. */
const ERROR_BODY_BYTES = 64 * 1024;
const ERROR_BODY_MS = 5_000;

async function refused(response: Response, withinMs: number): Promise<AttemptFailure> {
  const text = await within(withinMs, beginningOf(response)).catch(() => '');
  let body: unknown = null;
  try {
    body = JSON.parse(text);
  } catch {
    // Not JSON, or not in time: the status alone tells.
  }
  return refusal(body, response.status, retryAfter(response.headers));
}

async function beginningOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length >= ERROR_BODY_BYTES) break;
  }
  return text;
}

/** `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), as milliseconds from now. */
function retryAfter(headers: Headers): number | null {
  const value = headers.get('retry-after');
  if (value === null) return null;
  const seconds = Number(value);
  const ms = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1000;
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}
