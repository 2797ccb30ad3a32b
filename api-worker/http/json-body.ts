import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import type { App, AppContext } from '../env.ts';
import { ApiError } from './errors.ts';

/** Room for several images in one request; a sixth of an isolate's 128 MB. */
export const MAX_BODY_BYTES = 20 * 1024 * 1024;

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

/** The body's text, for the upstream, and its JSON value, for us. 400 when it is not JSON. */
export async function readJson(
  c: AppContext,
  mend = (text: string): string => text,
): Promise<{ text: string; value: unknown }> {
  const text = mend(await c.req.text());
  try {
    return { text, value: JSON.parse(text) };
  } catch {
    throw new ApiError(400, {
      message: 'We could not parse the JSON body of your request. Check it for missing quotes, commas or brackets.',
      code: 'invalid_json',
    });
  }
}
