import type { Candidate } from '../upstream/candidates.ts';
import { withFields } from '../upstream/request-body.ts';

/** What of a request is about who answers, and how long. */
interface Asked {
  model?: string | null | undefined;
  models?: readonly string[] | null | undefined;
  max_tokens?: number | null | undefined;
  max_completion_tokens?: unknown;
}

/**
 * The client's body for one candidate: its model, one at a time, for `models` is ours to go through; a
 * length where the client sets none, or a shorter one where the answer is a makeshift; and what else is
 * to be set. All other bytes are the client's.
 */
export function bodyFor(
  text: string,
  request: Asked,
  { model, maxTokens, makeshift }: Candidate,
  maxTokensDefault: number,
  others: Record<string, unknown> = {},
): string {
  const { max_tokens, max_completion_tokens } = { ...request, ...others } as Asked;
  const asked = (max_tokens ?? max_completion_tokens ?? null) as number | null;
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
