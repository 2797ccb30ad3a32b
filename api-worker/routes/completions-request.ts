import * as z from 'zod';
import { between, integer, labels, loose, streamOptions, text, whoAnswers } from './request-fields.ts';

/** Each choice is a chat completion of its own, with a transcript of up to 4 MB: all must fit into an isolate. */
export const CHOICES_MAX = 16;

/** Prompts as text; the two forms as tokens are known, to be refused by name. */
const prompt = z.union([
  text,
  // How many there may be depends on `n`: completions.ts.
  z.array(text).min(1),
  z.array(z.int()).min(1),
  z.array(z.array(z.int())).min(1),
]);

/** What POST /v1/completions relies on (OpenAI's CreateCompletionRequest). */
export const CompletionsRequest = loose({
  ...whoAnswers,
  ...labels,
  prompt,
  stream: z.boolean().nullish(),
  stream_options: streamOptions,
  max_tokens: integer(1),
  max_completion_tokens: integer(1),
  n: integer(1, CHOICES_MAX),
  best_of: integer(1, CHOICES_MAX),
  echo: z.boolean().nullish(),
  suffix: text.nullish(),
  logprobs: integer(0, 5),
  temperature: between(0, 2),
  top_p: between(0, 1),
  presence_penalty: between(-2, 2),
  frequency_penalty: between(-2, 2),
  logit_bias: z.record(text, z.number()).nullish(),
  seed: z.number().nullish(),
  stop: z.union([text, z.array(text)]).nullish(),
  user: text.nullish(),
});
export type CompletionsRequest = z.infer<typeof CompletionsRequest>;
