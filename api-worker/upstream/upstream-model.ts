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
  /** Names of request fields; null: not told. */
  supported_parameters: z.array(z.string()).nullish().catch(null),
  architecture: z
    .object({ input_modalities: z.array(z.string()).nullish().catch(null) })
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

/** The model of an id. `:online` and other variants that are not listed are what they vary; null: there is none. */
export function modelNamed(id: string, models: readonly UpstreamModel[] | null): UpstreamModel | null {
  const plain = id.split(':', 1)[0];
  return models?.find((model) => model.id === id) ?? models?.find((model) => model.id === plain) ?? null;
}
