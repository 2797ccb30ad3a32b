import type { AppContext } from '../env.ts';
import { ApiError } from '../http/errors.ts';

const LENGTH_MAX = 256;

/** A request's fields that may name its conversation. */
interface Labelled {
  session_id?: string | null | undefined;
  metadata?: Record<string, unknown> | null | undefined;
}

/**
 * What ties a request to others: `x-conversation-id`, or OpenRouter's `session_id`, or
 * `metadata.conversation_id`; null: nothing.
 *
 * @throws ApiError 400 for one of more than 256 characters.
 */
export function conversationOf(c: AppContext, { session_id, metadata }: Labelled): string | null {
  const labelled = metadata?.conversation_id;
  const [id, param] = c.req.header('x-conversation-id')
    ? [c.req.header('x-conversation-id'), 'x-conversation-id']
    : session_id
      ? [session_id, 'session_id']
      : [typeof labelled === 'string' && labelled !== '' ? labelled : null, 'metadata.conversation_id'];
  if (id && id.length > LENGTH_MAX) {
    throw new ApiError(400, {
      message: `Invalid '${param}': string too long. Expected a maximum length of ${LENGTH_MAX}.`,
      param,
      code: 'string_above_max_length',
    });
  }
  return id ?? null;
}
