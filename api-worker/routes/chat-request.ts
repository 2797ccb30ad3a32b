import * as z from 'zod';
import { between, integer, labels, loose, other, streamOptions, text, whoAnswers } from './request-fields.ts';

const KNOWN_PARTS = ['text', 'image_url', 'input_audio', 'file', 'refusal'];

/** A part of a type that we do not know is the upstream's to judge; one that we know must be well formed. */
const unknownPart = loose({ type: other(KNOWN_PARTS) });
const part = z.union([
  z.discriminatedUnion('type', [
    loose({ type: z.literal('text'), text }),
    loose({ type: z.literal('image_url'), image_url: loose({ url: text, detail: text.nullish() }) }),
    loose({ type: z.literal('input_audio'), input_audio: loose({ data: text, format: text }) }),
    loose({ type: z.literal('file'), file: loose({}) }),
    loose({ type: z.literal('refusal'), refusal: text }),
  ]),
  unknownPart,
]);
const content = z.union([text, z.array(part)]);

const toolCall = loose({
  id: text.nullish(),
  type: text.nullish(),
  function: loose({ name: text, arguments: text }).nullish(),
  custom: loose({ name: text, input: text }).nullish(),
});

const message = z.discriminatedUnion('role', [
  loose({ role: z.literal('developer'), content }),
  loose({ role: z.literal('system'), content }),
  loose({ role: z.literal('user'), content }),
  loose({
    role: z.literal('assistant'),
    content: content.nullish(),
    refusal: text.nullish(),
    tool_calls: z.array(toolCall).nullish(),
    function_call: loose({ name: text, arguments: text }).nullish(),
  }),
  loose({ role: z.literal('tool'), content, tool_call_id: text }),
  loose({ role: z.literal('function'), content: text.nullable(), name: text }),
]);

const KNOWN_TOOLS = ['function', 'custom'];
const named = loose({ name: text.min(1).max(256) });
const tool = z.union([
  z.discriminatedUnion('type', [
    loose({ type: z.literal('function'), function: named }),
    loose({ type: z.literal('custom'), custom: named }),
  ]),
  loose({ type: other(KNOWN_TOOLS) }),
]);

const KNOWN_FORMATS = ['text', 'json_object', 'json_schema'];
const responseFormat = z.union([
  z.discriminatedUnion('type', [
    loose({ type: z.literal('text') }),
    loose({ type: z.literal('json_object') }),
    loose({ type: z.literal('json_schema'), json_schema: named }),
  ]),
  loose({ type: other(KNOWN_FORMATS) }),
]);

/**
 * What POST /v1/chat/completions relies on (OpenAI's CreateChatCompletionRequest). Everything else
 * passes through untouched: OpenRouter takes many fields, content parts and tools of its own.
 */
export const ChatRequest = loose({
  ...whoAnswers,
  ...labels,
  messages: z.array(message).min(1).max(1000),
  stream: z.boolean().nullish(),
  stream_options: streamOptions,
  max_tokens: integer(1),
  max_completion_tokens: integer(1),
  n: integer(1, 128),
  temperature: between(0, 2),
  top_p: between(0, 1),
  presence_penalty: between(-2, 2),
  frequency_penalty: between(-2, 2),
  top_logprobs: integer(0, 20),
  logprobs: z.boolean().nullish(),
  logit_bias: z.record(text, z.number()).nullish(),
  seed: z.number().nullish(),
  stop: z.union([text, z.array(text)]).nullish(),
  tools: z.array(tool).nullish(),
  tool_choice: z.union([z.enum(['none', 'auto', 'required']), loose({})]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: responseFormat.nullish(),
  user: text.nullish(),
});
export type ChatRequest = z.infer<typeof ChatRequest>;
