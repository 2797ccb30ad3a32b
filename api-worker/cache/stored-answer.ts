import type { ClientAnswer } from '../upstream/answer-client.ts';
import { streamHeaders } from '../upstream/answer-client.ts';

/** An answer that was given before. */
export interface StoredAnswer {
  contentType: string;
  /** As `x-gateway-model` said it. */
  model: string;
  finishReason: string | null;
  /** A stream where it is still being given. */
  body: string | ReadableStream<Uint8Array>;
  /** What tells the client that it is one. */
  headers: Record<string, string>;
}

/** Gives it again, with a stream's headers if it was one. It costs nothing: no upstream is called. */
export function answerAgain(stored: StoredAnswer): ClientAnswer {
  const { contentType, model, body } = stored;
  const headers = {
    ...(contentType.includes('text/event-stream') ? streamHeaders(contentType) : { 'content-type': contentType }),
    'x-gateway-model': model,
    'x-gateway-attempts': '0',
    ...stored.headers,
  };
  const ending = Promise.resolve({
    end: 'complete' as const,
    firstEventAt: Date.now(),
    ...(typeof body === 'string' ? { body, bodyLength: body.length } : { body: null, bodyLength: 0 }),
    repeatable: false,
    stored,
  });
  return { response: new Response(body, { headers }), ending };
}
