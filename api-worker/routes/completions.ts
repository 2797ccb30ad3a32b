import type { AppContext } from '../env.ts';
import { ApiError, unsupported } from '../http/errors.ts';
import { readBodyAndText } from '../http/input.ts';
import { TEMPLATE_TOKENS, USUAL_OUTPUT } from './chat-amounts.ts';
import { bodyFor } from './chat-body.ts';
import { CHOICES_MAX, CompletionsRequest } from './completions-request.ts';
import { serve } from './serve.ts';

/** POST /v1/completions (legacy), streamed or not: on chat models, through the agent lane. */
export async function completions(c: AppContext): Promise<Response> {
  const { text, body: request } = await readBodyAndText(c, CompletionsRequest);
  const prompts = promptsOf(request);
  const calls = prompts.length * (request.n ?? 1);
  refuseUnsupported(request, calls);
  const maxTokensDefault = Number(c.env.MAX_TOKENS_DEFAULT);
  const maxTokens = request.max_tokens ?? request.max_completion_tokens ?? (maxTokensDefault || null);
  const bytes = prompts.map((prompt) => new TextEncoder().encode(prompt).byteLength);
  const longest = Math.max(...bytes);
  const all = bytes.reduce((sum, one) => sum + one, 0);
  // Whatever else a request says may become prompt, too, such as a schema.
  const beside = new TextEncoder().encode(text).byteLength - all;
  const serverTools = request.plugins != null || request.web_search_options != null;
  // Loaded by those who use it: it is many times as large as all the rest.
  const { textCompletions } = await import('../agent/text-completions.ts');
  return serve(c, {
    text,
    request,
    streamed: request.stream === true,
    messageCount: prompts.length,
    path: '/chat/completions',
    requested: {
      model: request.model ?? null,
      models: request.models ?? [],
      needs: { parameters: [], modalities: [], contextTokens: Math.floor(longest / 6) + (maxTokens ?? 0) },
    },
    replaceable: true,
    likelyTokens: Math.ceil((all * (request.n ?? 1)) / 3) + (maxTokens ?? USUAL_OUTPUT) * calls,
    mostAmounts: {
      promptTokens: serverTools ? Number.POSITIVE_INFINITY : longest + beside + TEMPLATE_TOKENS,
      outputTokens: maxTokens,
      choices: 1,
      images: 0,
      serverTools,
    },
    calls,
    bodyFor: (candidate) => bodyFor(text, request, candidate, maxTokensDefault),
    representative: request.provider == null && request.route == null,
    deterministic: request.temperature === 0 || request.seed != null,
    answer: textCompletions(request, prompts, (candidate, fields) =>
      bodyFor(text, request, candidate, maxTokensDefault, fields),
    ),
  });
}

/** @throws ApiError 400 for tokens: which text they stand for depends on a tokenizer that chat models do not tell. */
function promptsOf({ prompt }: CompletionsRequest): string[] {
  const prompts = typeof prompt === 'string' ? [prompt] : prompt;
  if (prompts.every((one) => typeof one === 'string')) return prompts;
  throw new ApiError(400, {
    message: "Unsupported value for 'prompt': arrays of tokens are not supported here. Send the prompt as text.",
    param: 'prompt',
    code: 'unsupported_value',
  });
}

/** A chat's: calls of tools would have no place in the answer, and messages none in the request. */
const CHAT_ONLY = ['messages', 'tools', 'tool_choice', 'functions', 'function_call'] as const;

function refuseUnsupported(request: CompletionsRequest, calls: number): void {
  const { suffix, best_of, logprobs, n } = request;
  const chats = CHAT_ONLY.find((name) => request[name] != null);
  if (chats !== undefined) throw unsupported(chats, 'Use /v1/chat/completions for that.');
  if (suffix != null && suffix !== '') throw unsupported('suffix', 'Chat models do not insert text.');
  if (logprobs != null) throw unsupported('logprobs', 'Use /v1/chat/completions for log probabilities.');
  if (best_of != null && best_of > (n ?? 1))
    throw unsupported('best_of', "Only as many choices are made as 'n' asks for.");
  if (calls > CHOICES_MAX) {
    throw new ApiError(400, {
      message: `Invalid 'n': the prompts times 'n' make ${calls} choices. At most ${CHOICES_MAX} are made at once.`,
      param: 'n',
      code: 'integer_above_max_value',
    });
  }
}
