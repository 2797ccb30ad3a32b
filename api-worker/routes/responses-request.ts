import * as z from 'zod';
import { between, integer, labels, loose, text, whoAnswers } from './request-fields.ts';

/** An input item or a part of one: of which type it may be is the upstream's to judge. */
const item = loose({ type: text.nullish(), role: text.nullish(), content: z.unknown().optional() });

/** What POST /v1/responses relies on (OpenAI's CreateResponse). */
export const ResponsesRequest = loose({
  ...whoAnswers,
  ...labels,
  input: z.union([text, z.array(item).min(1).max(1000)]),
  instructions: text.nullish(),
  stream: z.boolean().nullish(),
  max_output_tokens: integer(1),
  temperature: between(0, 2),
  top_p: between(0, 1),
  top_logprobs: integer(0, 20),
  tools: z.array(loose({ type: text })).nullish(),
  tool_choice: z.union([z.enum(['none', 'auto', 'required']), loose({})]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: loose({ format: loose({ type: text }).nullish() }).nullish(),
  reasoning: loose({}).nullish(),
  background: z.boolean().nullish(),
  conversation: z.unknown().optional(),
  previous_response_id: text.nullish(),
  user: text.nullish(),
});
export type ResponsesRequest = z.infer<typeof ResponsesRequest>;
