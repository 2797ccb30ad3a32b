import type { Candidate } from '../upstream/candidates.ts';
import { withFields } from '../upstream/request-body.ts';
import type { ChatRequest } from './chat-request.ts';

/**
 * The client's body for one candidate: its model, one at a time, for `models` is ours to go through; a
 * length where the client sets none, or a shorter one where the answer is a makeshift; and what else is
 * to be set. All other bytes are the client's.
 */
export function bodyFor(
  text: string,
  request: ChatRequest,
  { model, maxTokens, makeshift }: Candidate,
  maxTokensDefault: number,
  others: Record<string, unknown> = {},
): string {
  const { max_tokens, max_completion_tokens } = { ...request, ...others } as ChatRequest;
  const asked = max_tokens ?? max_completion_tokens ?? null;
  const length = asked ?? (maxTokens || maxTokensDefault || null);
  const allowed = makeshift && maxTokens !== null && length !== null ? Math.min(length, maxTokens) : length;
  const lengthField = max_tokens == null && max_completion_tokens != null ? 'max_completion_tokens' : 'max_tokens';
  return withFields(text, request, {
    ...others,
    ...(request.model !== model && { model }),
    ...(request.models != null && { models: undefined }),
    ...(allowed !== asked && { [lengthField]: allowed }),
  });
}
