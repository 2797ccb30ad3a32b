import { type FlatTool, type Message, type SimRequest, textOf } from './request.ts';

/** The fields of a request to /responses that shape an answer or are told back in it. */
export interface ResponsesRequest extends Omit<SimRequest, 'tools'> {
  max_output_tokens?: number | null;
  tools?: FlatTool[];
  text?: { format?: { type?: string } };
  temperature?: number | null;
  top_p?: number | null;
  metadata?: Record<string, string> | null;
  parallel_tool_calls?: boolean | null;
}

/** An item of the input, as far as it is read. */
interface InputItem {
  type?: string;
  role?: string;
  content?: unknown;
  output?: unknown;
}

/** The same request in chat's form. What is neither a message nor a function's call or output is left out. */
export function asChat(request: ResponsesRequest): SimRequest {
  const { tools, tool_choice, max_output_tokens, text, ...same } = request;
  return {
    ...same,
    messages: messagesOf(request),
    tools: functionTools(request).map(({ name = '', parameters = null }) => ({
      type: 'function',
      function: { name, parameters },
    })),
    tool_choice: chatChoice(tool_choice),
    max_tokens: max_output_tokens ?? null,
    ...(text?.format?.type && { response_format: { type: text.format.type } }),
  };
}

/** The tools that it knows how to call. */
export function functionTools({ tools }: ResponsesRequest): FlatTool[] {
  return (tools ?? []).filter(({ type }) => type === 'function');
}

function messagesOf({ instructions, input }: ResponsesRequest): Message[] {
  const items = Array.isArray(input) ? (input as InputItem[]) : [{ role: 'user', content: input }];
  return [
    ...(instructions ? [{ role: 'system', content: instructions }] : []),
    ...items.flatMap((item): Message[] => {
      if (item.type === 'function_call') return [{ role: 'assistant', content: null }];
      if (item.type === 'function_call_output') return [{ role: 'tool', content: item.output }];
      return item.role ? [{ role: item.role, content: textOf(item.content) }] : [];
    }),
  ];
}

function chatChoice(choice: unknown): unknown {
  const { type, name } = (typeof choice === 'object' && choice ? choice : {}) as { type?: string; name?: string };
  return type === 'function' ? { type, function: { name } } : choice;
}
