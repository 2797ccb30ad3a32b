const encoder = new TextEncoder();

/**
 * The end of a stream that failed: an error event, on which the official SDKs raise, and `[DONE]`.
 * The empty line in front ends an event that was cut in two.
 */
export function errorEvent(message: string, code: string | null, type = 'server_error'): Uint8Array {
  const error = { message, type, param: null, code };
  return encoder.encode(`\n\ndata: ${JSON.stringify({ error })}\n\ndata: [DONE]\n\n`);
}

/** A comment: no event, but bytes that keep a connection from being taken for dead. */
export const KEEP_ALIVE = encoder.encode(': waiting for the model\n\n');
