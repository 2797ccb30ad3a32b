import type { Plan } from './plan.ts';
import type { FlatTool } from './request.ts';
import { functionTools, type ResponsesRequest } from './responses-request.ts';
import { usageOf } from './wire.ts';

type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

interface TextPart {
  type: 'output_text';
  text: string;
  annotations: [];
  logprobs: [];
}

export interface ReasoningItem {
  id: string;
  type: 'reasoning';
  status: ItemStatus;
  summary: { type: 'summary_text'; text: string }[];
}

export interface MessageItem {
  id: string;
  type: 'message';
  role: 'assistant';
  status: ItemStatus;
  content: TextPart[];
}

export interface CallItem {
  id: string;
  type: 'function_call';
  status: ItemStatus;
  call_id: string;
  name: string;
  arguments: string;
}

export type OutputItem = ReasoningItem | MessageItem | CallItem;

/** The code that a provider's failure has in the Responses API. */
export const ERROR_CODE = 'server_error';

/** What goes beside the items of a response that has ended, or has not yet. */
interface Ending {
  status: 'in_progress' | 'completed' | 'incomplete' | 'failed';
  output: OutputItem[];
  error: { code: string; message: string } | null;
  withUsage: boolean;
}

/** A text part of a message. */
export function textPart(text: string): TextPart {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

/** How an answer ends that does not fail. */
export function finalStatus({ finish }: Plan): 'completed' | 'incomplete' {
  return finish === 'length' ? 'incomplete' : 'completed';
}

/** The items of an answer: what was thought, what is said, what is to be called. */
export function outputOf(plan: Plan): OutputItem[] {
  const id = plan.id.replace(/^gen-\d+-/, '');
  const reasoning: ReasoningItem = {
    id: `rs_${id}`,
    type: 'reasoning',
    status: 'completed',
    summary: [{ type: 'summary_text', text: plan.reasoning.join('') }],
  };
  const message: MessageItem = {
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    status: finalStatus(plan),
    content: [textPart(plan.pieces.join(''))],
  };
  const calls = plan.toolCalls.map(
    (call, n): CallItem => ({
      id: `fc_${id}_${n}`,
      type: 'function_call',
      status: 'completed',
      call_id: call.id,
      name: call.name,
      arguments: call.arguments,
    }),
  );
  return [
    ...(plan.reasoning.length > 0 ? [reasoning] : []),
    ...(plan.pieces.length > 0 || calls.length === 0 ? [message] : []),
    ...calls,
  ];
}

/** The response object. */
export function responseBody(plan: Plan, request: ResponsesRequest, { status, output, error, withUsage }: Ending) {
  return {
    id: plan.id,
    object: 'response',
    created_at: plan.created,
    completed_at: status === 'completed' ? plan.created : null,
    model: plan.model.canonical_slug,
    status,
    output,
    error,
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    ...toldBack(request),
    ...(withUsage && { usage: responsesUsage(plan) }),
  };
}

/** The fields of a request that its response repeats, with their defaults. Tools that it ignores are left out. */
function toldBack(request: ResponsesRequest) {
  return {
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    metadata: request.metadata ?? {},
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    // OpenRouter keeps nothing.
    previous_response_id: null,
    store: false,
    reasoning: request.reasoning ?? null,
    temperature: request.temperature ?? 1,
    text: request.text ?? { format: { type: 'text' } },
    tool_choice: request.tool_choice ?? 'auto',
    tools: functionTools(request).map(
      (tool): FlatTool => ({
        ...tool,
        parameters: tool.parameters ?? null,
        strict: tool.strict ?? null,
      }),
    ),
    top_p: request.top_p ?? 1,
    truncation: 'disabled',
  };
}

function responsesUsage(plan: Plan) {
  const { prompt_tokens, completion_tokens, total_tokens, cost, is_byok } = usageOf(plan);
  return {
    input_tokens: prompt_tokens,
    input_tokens_details: { cached_tokens: plan.tokens.cached, cache_write_tokens: plan.tokens.cacheWrite },
    output_tokens: completion_tokens,
    output_tokens_details: { reasoning_tokens: plan.tokens.reasoning },
    total_tokens,
    cost,
    is_byok,
    cost_details: {
      upstream_inference_cost: null,
      upstream_inference_input_cost: 0,
      upstream_inference_output_cost: 0,
    },
  };
}
