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

/** What is known of a request at once. */
type Known = Omit<Job, 'bodyFor' | 'answer' | 'deterministic'>;

/**
 * POST /v1/chat/completions, streamed or not: the relay lane, or, where the request asks for tools that
 * the gateway runs itself, the agent lane.
 */
export async function chatCompletions(c: AppContext): Promise<Response> {
  const { text, body: request } = await readBodyAndText(c, ChatRequest, mendRoles);
  const known = knownOf(c, text, request);
  if (request.tools?.some(({ type }) => gatewayNameOf(type) !== null)) return byAgent(c, known, request);
  return byRelay(c, known, { ...request, messages: null });
}

function knownOf(c: AppContext, text: string, request: ChatRequest): Known {
  const asked: Asked = { request, media: mediaOf(request, text), maxTokensDefault: Number(c.env.MAX_TOKENS_DEFAULT) };
  return {
    text,
    request: { session_id: request.session_id, metadata: request.metadata },
    streamed: request.stream === true,
    messageCount: request.messages.length,
    path: '/chat/completions',
    requested: { model: request.model ?? null, models: request.models ?? [], needs: needsOf(asked) },
    replaceable: true,
    likelyTokens: likelyTokens(asked),
    mostAmounts: mostAmounts(asked),
    calls: 1,
    representative: request.provider == null && request.route == null,
  };
}

async function byAgent(c: AppContext, known: Known, request: ChatRequest): Promise<Response> {
  const bodyWith = (candidate: Candidate, fields: Record<string, unknown> = {}) =>
    bodyFor(known.text, request, candidate, Number(c.env.MAX_TOKENS_DEFAULT), fields);
  // Loaded by those who use it: it is many times as large as all the rest.
  const { toolTurn } = await import('../agent/tool-turn.ts');
  return serve(c, { ...known, bodyFor: bodyWith, deterministic: null, answer: toolTurn(c.env, request, bodyWith) });
}

/**
 * @param request without its messages: as long as the answer takes, it is held beside the text, and they would take
 * as much again as that.
 */
function byRelay(c: AppContext, known: Known, request: Omit<ChatRequest, 'messages'>): Promise<Response> {
  const { text, streamed } = known;
  const maxTokensDefault = Number(c.env.MAX_TOKENS_DEFAULT);
  return serve(c, {
    ...known,
    bodyFor: (candidate) => bodyFor(text, request, candidate, maxTokensDefault),
    // Of several choices one may be cut short, which no answer that is kept may be.
    deterministic: Number(request.n ?? 1) > 1 ? null : request.temperature === 0 || request.seed != null,
    answer(upstream, requestedModel, options) {
      const resumes = streamed && (options.resume ?? c.var.principal.resume);
      const resume = resumes ? chatResume(upstream, text, maxTokensDefault) : null;
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
