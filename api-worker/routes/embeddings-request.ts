import * as z from 'zod';
import { integer, labels, loose, text } from './request-fields.ts';

/** As many as OpenAI takes in one request. */
const INPUTS_MAX = 2048;

const tokens = z.array(z.int()).min(1);

/** What POST /v1/embeddings relies on (OpenAI's CreateEmbeddingRequest); OpenRouter also takes inputs that are objects. */
export const EmbeddingsRequest = loose({
  ...labels,
  model: text.min(1).max(256),
  input: z.union([
    text.min(1),
    z.array(text).min(1).max(INPUTS_MAX),
    tokens,
    z.array(tokens).min(1).max(INPUTS_MAX),
    z.array(loose({})).min(1).max(INPUTS_MAX),
  ]),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: integer(1),
  user: text.nullish(),
});
export type EmbeddingsRequest = z.infer<typeof EmbeddingsRequest>;
