import { AttemptFailure, refusal } from './failure.ts';
import { DONE, dataOf, wholeEvents } from './sse.ts';

/** A JSON body up to this size is seen whole before it is sent on, so that an error under a 200 is one. */
const JSON_PEEK_BYTES = 256 * 1024;

type Judgement = 'more' | 'good' | AttemptFailure;

/**
 * Reads a body until its first event (of a stream) or its JSON is whole, and lets go of it. The only
 * place on the way of an answer where JavaScript sees a chunk.
 *
 * @param chunks takes in what is read, whatever comes of it.
 * @returns whether that was all of the body.
 * @throws AttemptFailure when what came first is an error, nothing, or a broken connection.
 */
export async function peek(
  body: ReadableStream<Uint8Array>,
  contentType: string,
  chunks: Uint8Array[],
): Promise<boolean> {
  const judge = contentType.includes('text/event-stream') ? judgeEvents : judgeJson;
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (value) {
        chunks.push(value);
        text += decoder.decode(value, { stream: true });
      }
      const judgement = judge(text, done);
      if (judgement instanceof AttemptFailure) throw judgement;
      if (judgement === 'good') return done;
    }
  } catch (error) {
    throw error instanceof AttemptFailure ? error : new AttemptFailure('network', { cause: error });
  } finally {
    reader.releaseLock();
  }
}

function judgeEvents(text: string, ended: boolean): Judgement {
  const { events, rest } = wholeEvents(text);
  for (const event of ended ? [...events, rest] : events) {
    const judgement = judgeEvent(event);
    if (judgement !== 'more') return judgement;
  }
  return ended ? new AttemptFailure('empty') : 'more';
}

/** Comments and other fields say nothing yet; `[DONE]` before any event is an empty stream. */
function judgeEvent(event: string): Judgement {
  const data = dataOf(event);
  if (data === '') return 'more';
  if (data === DONE) return new AttemptFailure('empty');
  return judgeData(data);
}

/** A Responses stream tells first that it was begun: nothing in that keeps another candidate from answering. */
const BEGUN = ['response.created', 'response.queued', 'response.in_progress'];

function judgeData(data: string): Judgement {
  const body = parse(data);
  if (body instanceof AttemptFailure) return body;
  return BEGUN.includes(body?.type ?? '') ? 'more' : (failureIn(body) ?? 'good');
}

function judgeJson(text: string, ended: boolean): Judgement {
  if (!ended) return text.length > JSON_PEEK_BYTES ? 'good' : 'more';
  const json = text.trim();
  if (json === '') return new AttemptFailure('empty');
  // Nothing was sent yet: an answer that was cut short is one more failed attempt.
  if (!json.endsWith('}') && !json.endsWith(']')) return new AttemptFailure('network');
  return json.includes('"error"') ? (errorIn(json) ?? 'good') : 'good';
}

function errorIn(json: string): AttemptFailure | null {
  const body = parse(json);
  return body instanceof AttemptFailure ? body : failureIn(body);
}

/** What tells of a failure in an answer or an event: chat's `error`, or the forms that Responses have. */
interface Told {
  type?: string;
  error?: unknown;
  response?: { error?: unknown } | null;
}

function failureIn(body: Told | null): AttemptFailure | null {
  if (body?.error) return refusal(body, 200, null);
  if (body?.type === 'response.failed') return refusal(body.response, 200, null);
  return body?.type === 'error' ? refusal({ error: body }, 200, null) : null;
}

function parse(json: string): Told | null | AttemptFailure {
  try {
    return JSON.parse(json) as Told | null;
  } catch {
    return new AttemptFailure('network');
  }
}

/** Chunks as one. */
export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const [first] = chunks;
  if (chunks.length === 1 && first) return first;
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.byteLength, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
