import { jsonOf } from '../upstream/sse.ts';
import type { Chunk, Completion, ToolCallDelta } from './chunks.ts';

/**
 * Answers as the SDK is given them: what it needs to go on, and nothing that its schemas might refuse,
 * for providers add and vary. The client gets the originals, which travel along in chunks.
 */
const ORIGINAL = 'original';

/** The chunk that one was made of by {@link reducedChunk}. */
export function originalOf(raw: unknown): Chunk {
  return (raw as { [ORIGINAL]?: Chunk })[ORIGINAL] ?? {};
}

/** An event's data for the SDK; null: it is no chunk. */
export function reducedChunk(data: string): string | null {
  const chunk = jsonOf<Chunk>(data);
  if (typeof chunk !== 'object' || chunk === null) return null;
  const { choices } = chunk;
  const [choice] = Array.isArray(choices) ? choices : [];
  const { role, content, tool_calls } = choice?.delta ?? {};
  return JSON.stringify({
    ...headOf(chunk),
    choices: choice
      ? [
          {
            index: 0,
            delta: { ...(role === 'assistant' && { role }), content: textOf(content), ...callsOf(tool_calls) },
            finish_reason: textOf(choice.finish_reason),
          },
        ]
      : [],
    [ORIGINAL]: chunk,
  });
}

/** A completion for the SDK. */
export function reducedCompletion(json: string): string {
  const completion = jsonOf<Completion>(json) ?? {};
  const [choice] = completion.choices ?? [];
  const { content, tool_calls } = choice?.message ?? {};
  const message = { role: 'assistant', content: textOf(content), ...callsOf(tool_calls) };
  const choices = choice ? [{ index: 0, message, finish_reason: textOf(choice.finish_reason) }] : [];
  return JSON.stringify({ ...headOf(completion), choices });
}

function headOf({ id, created, model }: Chunk | Completion) {
  return { id: textOf(id), created: typeof created === 'number' ? created : null, model: textOf(model) };
}

function callsOf(calls: ToolCallDelta[] | null | undefined) {
  if (!Array.isArray(calls)) return {};
  const tool_calls = calls.map(({ index, id, function: called }) => ({
    ...(typeof index === 'number' && { index }),
    ...(typeof id === 'string' && { id }),
    type: 'function',
    function: {
      ...(typeof called?.name === 'string' && { name: called.name }),
      ...(typeof called?.arguments === 'string' && { arguments: called.arguments }),
    },
  }));
  return { tool_calls };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
