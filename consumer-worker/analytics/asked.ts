import { isObject } from './is-object.ts';

/**
 * What was asked, as properties of `$ai_generation` or `$ai_embedding`: `$ai_input` as a list of messages, whichever endpoint took
 * it, the tools and the settings.
 *
 * @param request a request's JSON, of chat completions, legacy completions, Responses or embeddings.
 */
export function asked(request: unknown): Record<string, unknown> {
  if (!isObject(request)) throw new TypeError('not a request');
  return {
    $ai_input: messagesOf(request),
    $ai_tools: request.tools,
    $ai_temperature: request.temperature ?? undefined,
    $ai_max_tokens: request.max_completion_tokens ?? request.max_tokens ?? request.max_output_tokens ?? undefined,
  };
}

function messagesOf({ messages, prompt, input, instructions }: Record<string, unknown>): unknown[] {
  if (Array.isArray(messages)) return messages;
  const system = typeof instructions === 'string' ? [{ role: 'system', content: instructions }] : [];
  const said = input ?? prompt ?? [];
  return [...system, ...(Array.isArray(said) ? said : [said]).map(asMessage)];
}

/** Texts become messages; an item of Responses is one already, or a call or a tool's result, which stay as they are. */
function asMessage(said: unknown): unknown {
  return typeof said === 'string' ? { role: 'user', content: said } : said;
}
