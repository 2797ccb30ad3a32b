import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import type { App, AppContext } from '../env.ts';
import { ApiError } from './errors.ts';

/** Room for several images in one request; a sixth of an isolate's 128 MB. */
export const MAX_BODY_BYTES = 20 * 1024 * 1024;

/** What nobody means, and whoever walks through it runs out of stack: we, or the upstream. */
const MAX_DEPTH = 200;

/** 413 for a body over {@link MAX_BODY_BYTES}, whether its length is declared or not. */
export const limitBody = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: () => {
    throw new ApiError(413, {
      message: `The request body is too large: at most ${MAX_BODY_BYTES} bytes.`,
      code: 'request_too_large',
    });
  },
});

/** 415 unless the body is said to be JSON. */
export const requireJson = createMiddleware<App>(async (c, next) => {
  const type = c.req.header('content-type') ?? '';
  if (!/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type)) {
    throw new ApiError(415, {
      message: `Unsupported content type: '${type.slice(0, 64)}'. Send the body as 'Content-Type: application/json'.`,
      code: 'unsupported_content_type',
    });
  }
  await next();
});

/** The body's text, for the upstream, and its JSON value, for us. 400 when it is not JSON, or too deep. */
export async function readJson(
  c: AppContext,
  mend = (text: string): string => text,
): Promise<{ text: string; value: unknown }> {
  const text = mend(await c.req.text());
  const value = parse(text);
  if (deeper(value, MAX_DEPTH)) {
    throw new ApiError(400, {
      message: `The JSON body of your request is nested too deep: at most ${MAX_DEPTH} levels.`,
      code: 'invalid_json',
    });
  }
  return { text, value };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(400, {
      message: 'We could not parse the JSON body of your request. Check it for missing quotes, commas or brackets.',
      code: 'invalid_json',
    });
  }
}

/** Whether a JSON value has more levels than that. */
function deeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  if (!Array.isArray(value)) return Object.values(value).some((member) => deeper(member, levels - 1));
  // Long lists are of tokens: numbers are passed over at once.
  for (const member of value) if (typeof member === 'object' && deeper(member, levels - 1)) return true;
  return false;
}
