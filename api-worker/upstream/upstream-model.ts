import * as z from 'zod';

/** Decimal strings of USD per token, image or request; negative where it depends on the model that is picked. */
const price = z.string().nullish().catch(null);
const Prices = z.object({
  prompt: price,
  completion: price,
  image: price,
  request: price,
  internal_reasoning: price,
  input_cache_write: price,
});

/** A model as OpenRouter lists it, as far as we read it. `created` in Unix seconds. */
export const UpstreamModel = z.object({
  id: z.string(),
  created: z.number().catch(0),
  context_length: z.number().positive().nullish().catch(null),
  top_provider: z
    .object({ max_completion_tokens: z.number().positive().nullish().catch(null) })
    .nullish()
    .catch(null),
  pricing: Prices.extend({
    /** Prices under conditions, such as a long prompt. */
    overrides: z.array(Prices).nullish().catch(null),
  })
    .nullish()
    .catch(null),
});
export type UpstreamModel = z.infer<typeof UpstreamModel>;
