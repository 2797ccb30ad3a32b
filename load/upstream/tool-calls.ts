import { answered } from './continuation.ts';
import { type Message, type SimRequest, type Tool, textOf } from './request.ts';

/** A function that an answer calls. */
export interface ToolCall {
  id: string;
  name: string;
  arguments: string;
}

/**
 * Tools are called where the request insists, where the model is `sim/…`, or where weather is asked about; never
 * twice in a row, but for models that are made to.
 */
export function toolCalls(request: SimRequest, random: () => number): ToolCall[] {
  const tools = (request.tools ?? []).filter((tool) => tool.type === 'function' && tool.function?.name);
  const messages = request.messages ?? [];
  if (tools.length === 0 || request.tool_choice === 'none' || hasEnough(request.model, messages)) return [];
  const choice = request.tool_choice as { function?: { name?: string } } | string | undefined;
  const named = typeof choice === 'object' ? choice?.function?.name : undefined;
  const asked = named || choice === 'required' || /weather/i.test(JSON.stringify(messages.at(-1)?.content ?? ''));
  if (!asked && !request.model?.startsWith('sim/')) return [];
  const picked = tools.filter((tool) => !named || tool.function?.name === named);
  return picked.slice(0, callsAtOnce(request.model)).map((tool) => ({
    id: `call_${Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')}`,
    name: tool.function?.name ?? '',
    arguments: JSON.stringify(request.sim?.tool_arguments ?? argumentsFor(tool)),
  }));
}

/** Whether tools have said what the model wanted to know. */
function hasEnough(model: string | undefined, messages: readonly Message[]): boolean {
  if (model === 'sim/tool-loop') return false;
  if (model === 'sim/tool-twice') return messages.filter(({ role }) => role === 'tool').length >= 2;
  return answered(messages).at(-1)?.role === 'tool';
}

function callsAtOnce(model: string | undefined): number {
  if (model === 'sim/mixed-tools') return Number.POSITIVE_INFINITY;
  return model === 'sim/parallel-tools' ? 2 : 1;
}

function argumentsFor(tool: Tool): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(tool.function?.parameters?.properties ?? {}).map(([name, { type }]) => [
      name,
      type === 'number' || type === 'integer' ? 1 : type === 'boolean' ? true : 'Zürich',
    ]),
  );
}

/** What an answer to tools begins with: what each of the last ones said. So it shows that they ran. */
export function toolWords({ messages = [] }: SimRequest): string[] {
  const before = answered(messages);
  const since = before.findLastIndex(({ role }) => role !== 'tool') + 1;
  return before.slice(since).map(({ content }) => `The tool said ${textOf(content)}. `);
}
