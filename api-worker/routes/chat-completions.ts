import { gatewayNameOf } from '../agent/tool-name.ts';
import type { AppContext } from '../env.ts';
import { readBodyAndText } from '../http/input.ts';
import { answerClient } from '../upstream/answer-client.ts';
import type { Candidate } from '../upstream/candidates.ts';
import { type Asked, likelyTokens, mediaOf, mostAmounts, needsOf } from './chat-amounts.ts';
import { bodyFor } from './chat-body.ts';
import { ChatRequest } from './chat-request.ts';
import { chatResume } from './chat-resume.ts';
import { type Job, serve } from './serve.ts';

/**
 * POST /v1/chat/completions, streamed or not: the relay lane, or, where the request asks for tools that
 * the gateway runs itself, the agent lane.
 */
export async function chatCompletions(c: AppContext): Promise<Response> {
  const { text, body: request } = await readBodyAndText(c, ChatRequest, mendRoles);
  const maxTokensDefault = Number(c.env.MAX_TOKENS_DEFAULT);
  const asked: Asked = { request, media: mediaOf(request, text), maxTokensDefault };
  const streamed = request.stream === true;
  const job: Omit<Job, 'answer' | 'deterministic'> = {
    text,
    request,
    streamed,
    messageCount: request.messages.length,
    path: '/chat/completions',
    requested: { model: request.model ?? null, models: request.models ?? [], needs: needsOf(asked) },
    replaceable: true,
    likelyTokens: likelyTokens(asked),
    mostAmounts: mostAmounts(asked),
    calls: 1,
    bodyFor: (candidate) => bodyFor(text, request, candidate, maxTokensDefault),
    representative: request.provider == null && request.route == null,
  };
  if (request.tools?.some(({ type }) => gatewayNameOf(type) !== null)) {
    // Loaded by those who use it: it is many times as large as all the rest.
    const { toolTurn } = await import('../agent/tool-turn.ts');
    const bodyWith = (candidate: Candidate, fields: Record<string, unknown>) =>
      bodyFor(text, request, candidate, maxTokensDefault, fields);
    return serve(c, { ...job, deterministic: null, answer: toolTurn(c.env, request, bodyWith) });
  }
  return serve(c, {
    ...job,
    // Of several choices one may be cut short, which no answer that is kept may be.
    deterministic: (request.n ?? 1) > 1 ? null : request.temperature === 0 || request.seed != null,
    answer(upstream, requestedModel, options) {
      const resumes = streamed && (options.resume ?? c.var.principal.resume);
      const resume = resumes ? chatResume(upstream, text, request, maxTokensDefault) : null;
      return answerClient({ ...upstream, requestedModel, resume });
    },
  });
}

const JOINED_ROLES = /("role"\s*:\s*")(?:assistant){2,}"/g;

/**
 * A history whose roles `openai` for Python has joined. OpenRouter repeats `role` in each chunk, and that
 * client's stream helper concatenates what is repeated. Within a text the quotes would be escaped.
 */
function mendRoles(text: string): string {
  return text.includes('"assistantassistant') ? text.replace(JOINED_ROLES, '$1assistant"') : text;
}
