import type { Completion } from './chunks.ts';
import { sumUsage } from './sum-usage.ts';

/**
 * The completions of several steps as one: the first one's id and model, all that was said, the client's
 * tool calls but not the gateway's own, the last one's finish, what all of them used.
 */
export function turnCompletion(steps: readonly Completion[], gatewayTools: ReadonlySet<string>): Completion {
  const [first, last] = [steps[0] ?? {}, steps.at(-1) ?? {}];
  const choice = last.choices?.[0] ?? {};
  const { tool_calls, ...message } = choice.message ?? {};
  const calls = (tool_calls ?? [])
    .filter(({ function: called }) => !gatewayTools.has(called?.name ?? ''))
    .map((call, index) => (call.index === undefined ? call : { ...call, index }));
  const said = steps.map((step) => step.choices?.[0]?.message?.content ?? '').join('');
  const stopped = choice.finish_reason === 'tool_calls' && calls.length === 0;
  const usages = steps.flatMap(({ usage }) => (usage ? [usage] : []));
  return {
    ...last,
    ...(first.id !== undefined && { id: first.id }),
    ...(first.created !== undefined && { created: first.created }),
    ...(first.model !== undefined && { model: first.model }),
    choices: [
      {
        ...choice,
        index: 0,
        message: { ...message, content: said || null, ...(calls.length > 0 && { tool_calls: calls }) },
        // Only a bound stops a turn after the gateway's own tools.
        finish_reason: stopped ? 'length' : (choice.finish_reason ?? null),
      },
    ],
    ...(usages.length > 0 && { usage: sumUsage(usages) }),
  };
}
