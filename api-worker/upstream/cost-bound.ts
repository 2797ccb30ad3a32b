import { modelNamed, type UpstreamModel } from './upstream-model.ts';

/** What an answer may take, at most. */
export interface Amounts {
  /** Infinity: not known, so the model's whole context. */
  promptTokens: number;
  /** Of one choice; null: as much as the model gives. */
  outputTokens: number | null;
  choices: number;
  images: number;
  /** How many prompts there are, each of which may fill a context; unset: one. */
  contexts?: number;
  /** Whether the upstream may search or run tools of its own. */
  serverTools: boolean;
}

/** What the upstream's own searches and tools are charged beside the tokens: at most so much a request. */
const SERVER_TOOLS_NANO_USD = 200_000_000;

/** Seen in recordings: Grok reasons beyond `max_tokens`, which bounds only what it says then. */
const REASONS_BEYOND_MAX_TOKENS = /^x-ai\//;

/** What is taken for a model that is not listed or lists no fixed price: what the dearest ones do. Nano-dollars. */
const DEAREST = { prompt: 150_000, completion: 600_000, image: 200_000_000, request: 1_000_000_000 };
const LARGEST_CONTEXT = 2_000_000;
const LONGEST_OUTPUT = 256_000;

type Prices = typeof DEAREST;
type Pricing = Omit<NonNullable<UpstreamModel['pricing']>, 'overrides'>;

/**
 * The most that an answer can cost by the upstream's price list, whichever of the models gives it, in
 * nano-dollars.
 *
 * @param models null: the list is not to be had.
 */
export function costBound(
  candidates: readonly string[],
  models: readonly UpstreamModel[] | null,
  { promptTokens, outputTokens, choices, images, contexts = 1, serverTools }: Amounts,
): number {
  const costs = candidates.map((id) => {
    const model = modelNamed(id, models);
    const context = model?.context_length ?? LARGEST_CONTEXT;
    const longest = model?.top_provider?.max_completion_tokens ?? (model ? context : LONGEST_OUTPUT);
    const price = highestPrices(model);
    const asked = REASONS_BEYOND_MAX_TOKENS.test(id) ? null : outputTokens;
    const output = Math.min(asked ?? longest, longest) * choices;
    const tokens = Math.min(promptTokens, context * contexts) * price.prompt + output * price.completion;
    const extra = serverTools || id.endsWith(':online') ? SERVER_TOOLS_NANO_USD : 0;
    return tokens + images * price.image + price.request + extra;
  });
  return Math.ceil(Math.max(0, ...costs));
}

function highestPrices(model: UpstreamModel | null): Prices {
  const { pricing } = model ?? {};
  if (!pricing) return DEAREST;
  const all: readonly Pricing[] = [pricing, ...(pricing.overrides ?? [])];
  const highest = (name: keyof Prices, missing: number, ...names: (keyof Pricing)[]): number => {
    const listed = all.flatMap((prices) => names.flatMap((one) => prices[one] ?? [])).map((usd) => Number(usd) * 1e9);
    if (listed.length === 0) return missing;
    // A router's price is "-1": it depends on the model that it picks.
    return listed.every((nano) => nano >= 0) ? Math.max(...listed) : DEAREST[name];
  };
  return {
    prompt: highest('prompt', DEAREST.prompt, 'prompt', 'input_cache_write'),
    completion: highest('completion', DEAREST.completion, 'completion', 'internal_reasoning'),
    image: highest('image', 0, 'image'),
    request: highest('request', 0, 'request'),
  };
}
