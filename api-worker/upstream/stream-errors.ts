import { DONE, eventOf } from './sse.ts';

const encoder = new TextEncoder();

/**
 * The end of a stream that failed: an error event, on which the official SDKs raise, and `[DONE]`. It is
 * a chat stream's (`error`) and a Responses stream's (`type: "error"`) at once. The empty line in front
 * ends an event that was cut in two.
 */
export function errorEvent(message: string, code: string | null, type = 'server_error'): Uint8Array {
  const error = { message, type, param: null, code };
  const event = { type: 'error', code, message, param: null, sequence_number: 0, error };
  return encoder.encode(`\n\n${eventOf(JSON.stringify(event))}${eventOf(DONE)}`);
}
