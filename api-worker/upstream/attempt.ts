import type { Env } from '../env.ts';
import { collect, type Transcript } from '../metering/transcript.ts';
import { AttemptFailure, refusal } from './failure.ts';
import { peek } from './peek.ts';
import type { Policy } from './policy.ts';

/** One upstream call that began to answer. Nothing of it has been sent to the client. */
export interface Answer {
  model: string;
  contentType: string;
  generationId: string | null;
  /** The first bytes, in which the first event or the JSON is whole. */
  head: Uint8Array;
  /** The bytes after `head`; null when there are none. */
  rest: ReadableStream<Uint8Array> | null;
  /** When the first event had come, Unix ms. */
  firstEventAt: number;
  /** All that the upstream sends, also when it dies or is aborted. Never rejects. */
  transcript: Promise<Transcript>;
  /** Ends the call; many providers then stop billing. */
  abort(): void;
}

export interface UpstreamCall {
  env: Env;
  /** Below UPSTREAM_BASE_URL, such as `/chat/completions`. */
  path: string;
  model: string;
  body: string;
  policy: Policy;
  /** Aborted when the client leaves. */
  signal: AbortSignal;
}

/**
 * Calls the upstream once and waits for its first event.
 *
 * @throws AttemptFailure for every way in which none came; the call is then aborted.
 */
export async function attempt(call: UpstreamCall): Promise<Answer> {
  const { policy, signal } = call;
  const controller = new AbortController();
  const onLeave = () => controller.abort(new AttemptFailure('client_left'));
  if (signal.aborted) throw new AttemptFailure('client_left');
  signal.addEventListener('abort', onLeave, { once: true });
  try {
    const response = await within(policy.headersTimeoutMs, controller, send(call, controller.signal));
    if (!response.ok) throw await refused(response);
    if (!response.body) throw new AttemptFailure('empty');
    const contentType = response.headers.get('content-type') ?? 'application/json';
    const [client, meter] = response.body.tee();
    const transcript = collect(meter);
    const { bytes, ended } = await within(policy.firstEventTimeoutMs, controller, peek(client, contentType));
    return {
      model: call.model,
      contentType,
      generationId: response.headers.get('x-generation-id'),
      head: bytes,
      rest: ended ? null : client,
      firstEventAt: Date.now(),
      transcript,
      abort: () => controller.abort(),
    };
  } catch (error) {
    signal.removeEventListener('abort', onLeave);
    controller.abort();
    if (signal.aborted) throw new AttemptFailure('client_left');
    throw error instanceof AttemptFailure ? error : new AttemptFailure('network', { cause: error });
  }
}

function send({ env, path, body }: UpstreamCall, signal: AbortSignal): Promise<Response> {
  return fetch(env.UPSTREAM_BASE_URL + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${env.OPENROUTER_API_KEY ?? ''}`,
      'content-type': 'application/json',
      'http-referer': env.ATTRIBUTION_URL,
      'x-title': env.ATTRIBUTION_TITLE,
    },
    body,
    signal,
  });
}

/** The work, or a timeout failure and the call's end when it takes longer. */
async function within<T>(ms: number, controller: AbortController, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new AttemptFailure('timeout'));
      controller.abort();
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Error bodies are short; what is longer is some proxy's page. */
const ERROR_BODY_BYTES = 64 * 1024;

async function refused(response: Response): Promise<AttemptFailure> {
  const text = (await response.text().catch(() => '')).slice(0, ERROR_BODY_BYTES);
  let body: unknown = null;
  try {
    body = JSON.parse(text);
  } catch {
    // Not JSON: the status alone tells.
  }
  return refusal(body, response.status, retryAfter(response.headers));
}

/** `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), as milliseconds from now. */
function retryAfter(headers: Headers): number | null {
  const value = headers.get('retry-after');
  if (value === null) return null;
  const seconds = Number(value);
  const ms = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1000;
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}
