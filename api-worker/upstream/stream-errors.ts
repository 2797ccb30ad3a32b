import { DONE, eventOf } from './sse.ts';

const encoder = new TextEncoder();

/**
 * The end of a stream that failed: an error event, on which the official SDKs raise, and `[DONE]`.
 * The empty line in front ends an event that was cut in two.
 */
export function errorEvent(message: string, code: string | null, type = 'server_error'): Uint8Array {
  const error = { message, type, param: null, code };
  return encoder.encode(`\n\n${eventOf(JSON.stringify({ error }))}${eventOf(DONE)}`);
}
