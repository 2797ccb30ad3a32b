import { gatewayNameOf } from '../agent/tool-name.ts';
import type { AppContext } from '../env.ts';
import { unsupported } from '../http/errors.ts';
import { readBodyAndText } from '../http/input.ts';
import { answerClient } from '../upstream/answer-client.ts';
import type { Candidate } from '../upstream/candidates.ts';
import { withFields } from '../upstream/request-body.ts';
import { likelyTokensOf, mediaOfItems, mostAmountsOf, needsOfResponse } from './responses-amounts.ts';
import { ResponsesRequest } from './responses-request.ts';
import { serve } from './serve.ts';

/**
 * POST /v1/responses, streamed or not: the relay lane. The upstream keeps no responses, so that what
 * would need an earlier one is refused here, in words that say so.
 */
export async function responses(c: AppContext): Promise<Response> {
  const { text, body: request } = await readBodyAndText(c, ResponsesRequest);
  refuseStateful(request);
  const maxTokensDefault = Number(c.env.MAX_TOKENS_DEFAULT);
  const asked = { request, media: mediaOfItems(request, text), maxTokensDefault };
  return serve(c, {
    text,
    request,
    streamed: request.stream === true,
    messageCount: typeof request.input === 'string' ? 1 : request.input.length,
    path: '/responses',
    requested: { model: request.model ?? null, models: request.models ?? [], needs: needsOfResponse(asked) },
    replaceable: true,
    likelyTokens: likelyTokensOf(asked),
    mostAmounts: mostAmountsOf(asked),
    calls: 1,
    bodyFor: (candidate) => bodyFor(text, request, candidate, maxTokensDefault),
    representative: request.provider == null && request.route == null,
    deterministic: request.temperature === 0 || request.seed != null,
    answer: (upstream, requestedModel) => answerClient({ ...upstream, requestedModel, resume: null }),
  });
}

function bodyFor(
  text: string,
  request: ResponsesRequest,
  { model, maxTokens, makeshift }: Candidate,
  maxTokensDefault: number,
): string {
  const asked = request.max_output_tokens ?? null;
  const length = asked ?? (maxTokens || maxTokensDefault || null);
  const allowed = makeshift && maxTokens !== null && length !== null ? Math.min(length, maxTokens) : length;
  return withFields(text, request, {
    ...(request.model !== model && { model }),
    ...(request.models != null && { models: undefined }),
    ...(allowed !== asked && { max_output_tokens: allowed }),
  });
}

function refuseStateful({ previous_response_id, conversation, background, tools }: ResponsesRequest): void {
  if (previous_response_id != null) {
    throw unsupported('previous_response_id', 'Responses are not kept: send the whole conversation as input.');
  }
  if (conversation != null)
    throw unsupported('conversation', 'Conversations are not kept: send the whole conversation as input.');
  if (background === true) throw unsupported('background', 'Responses are not kept: stream the response instead.');
  if (tools?.some(({ type }) => gatewayNameOf(type) !== null)) {
    throw unsupported('tools', 'Tools of the gateway are run by /v1/chat/completions.');
  }
}
