import { costUsd } from './account.ts';
import type { Plan } from './plan.ts';

/** The usage object, with OpenRouter's extras. */
export function usageOf({ tokens, cost }: Plan) {
  return {
    prompt_tokens: tokens.prompt,
    completion_tokens: tokens.completion,
    total_tokens: tokens.prompt + tokens.completion,
    cost: costUsd(cost),
    is_byok: false,
    prompt_tokens_details: { cached_tokens: tokens.cached, cache_write_tokens: tokens.cacheWrite, audio_tokens: 0 },
    cost_details: {
      upstream_inference_cost: null,
      upstream_inference_prompt_cost: 0,
      upstream_inference_completions_cost: 0,
    },
    completion_tokens_details: { reasoning_tokens: tokens.reasoning, image_tokens: 0 },
  };
}

/** An SSE event. */
export function sse(data: unknown): string {
  return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}

export const COMMENT = ': OPENROUTER PROCESSING\n\n';

function head(plan: Plan, object: string) {
  return {
    id: plan.id,
    provider: plan.model.provider,
    model: plan.model.canonical_slug,
    object,
    created: plan.created,
  };
}

function choice(index: number, delta: Record<string, unknown>, finish: string | null = null) {
  return { index, delta, finish_reason: finish, native_finish_reason: finish, logprobs: null };
}

/** The content events of a chat stream, then its finish; usage and `[DONE]` come after. */
export function chatChunks(plan: Plan): string[] {
  const chunk = (...choices: unknown[]) => sse({ ...head(plan, 'chat.completion.chunk'), choices });
  const all = Array.from({ length: plan.choices }, (_, index) => index);
  const deltas: Record<string, unknown>[] = [
    ...plan.reasoning.map((text) => ({
      role: 'assistant',
      content: '',
      reasoning: text,
      reasoning_details: [{ type: 'reasoning.text', text, format: 'unknown', index: 0 }],
    })),
    ...plan.pieces.map((content) => ({ role: 'assistant', content })),
    ...plan.toolCalls.flatMap((call, index) => [
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }],
      },
      ...fragments(call.arguments).map((part) => ({ tool_calls: [{ index, function: { arguments: part } }] })),
    ]),
  ];
  return [
    ...deltas.flatMap((delta) => all.map((index) => chunk(choice(index, delta)))),
    ...all.map((index) => chunk(choice(index, { role: 'assistant', content: '' }, plan.finish))),
  ];
}

/** The pieces in which a tool's arguments are streamed. */
export function fragments(text: string): string[] {
  return text.match(/.{1,8}/gsu) ?? [];
}

/** The event that carries usage, in the plan's shape. */
export function usageChunk(plan: Plan): string {
  const empty = { role: 'assistant', content: '' };
  const choices =
    plan.usageShape === 'empty-choices'
      ? []
      : [choice(0, empty, plan.usageShape === 'repeated-finish' ? plan.finish : null)];
  return sse({ ...head(plan, 'chat.completion.chunk'), choices, usage: usageOf(plan) });
}

/** The JSON of an answer that is not streamed. */
export function chatBody(plan: Plan, withUsage: boolean) {
  const message = {
    role: 'assistant',
    content: plan.toolCalls.length > 0 && plan.pieces.length === 0 ? null : plan.pieces.join(''),
    refusal: null,
    ...(plan.reasoning.length > 0 && { reasoning: plan.reasoning.join('') }),
    ...(plan.toolCalls.length > 0 && {
      tool_calls: plan.toolCalls.map((call, index) => ({
        index,
        id: call.id,
        type: 'function',
        function: { name: call.name, arguments: call.arguments },
      })),
    }),
  };
  const choices = Array.from({ length: plan.choices }, (_, index) => ({
    index,
    logprobs: null,
    finish_reason: plan.finish,
    native_finish_reason: plan.finish,
    message,
  }));
  return { ...head(plan, 'chat.completion'), choices, ...(withUsage && { usage: usageOf(plan) }) };
}

/** A legacy completion: whole, or one streamed piece of it. */
export function completionBody(plan: Plan, text: string, finish: string | null, withUsage: boolean) {
  const choices = [{ index: 0, text, logprobs: null, finish_reason: finish }];
  return { ...head(plan, 'text_completion'), choices, ...(withUsage && { usage: usageOf(plan) }) };
}
