import * as z from 'zod';
import { usdToNano } from './money.ts';

/** What OpenRouter's ids begin with: others cannot be asked for. */
const GENERATION = 'gen-';
const TIMEOUT_MS = 3_000;

const count = z.int().nonnegative().nullish().catch(null);
const text = z.string().max(512).nullish().catch(null);
const Answer = z.object({
  data: z.object({
    model: text,
    provider_name: text,
    finish_reason: text,
    native_tokens_prompt: count,
    native_tokens_completion: count,
    native_tokens_reasoning: count,
    native_tokens_cached: count,
    /** Dollars, from here on nano-dollars. */
    total_cost: z
      .number()
      .transform((usd) => usdToNano(usd))
      .pipe(z.int()),
  }),
});

/** What the upstream booked for one of our calls. Costs in nano-dollars. */
export interface Generation {
  model: string | null;
  provider: string | null;
  finishReason: string | null;
  inputTokens: number | null;
  outputTokens: number | null;
  reasoningTokens: number | null;
  cachedTokens: number | null;
  costNanoUsd: number;
}

/** Whom to ask: OpenRouter's API, or what speaks as it does. */
export interface Upstream {
  /** No trailing slash. */
  UPSTREAM_BASE_URL: string;
  OPENROUTER_API_KEY?: string;
}

/** An id that the upstream can be asked for; null for any other. */
export function askableId(id: string | null): string | null {
  return id?.startsWith(GENERATION) ? id : null;
}

/**
 * `GET /generation?id=` (OpenRouter); always the upstream itself, for a gateway in front has no such page.
 *
 * @returns null when it says that it does not know the generation, or not yet.
 * @throws when it cannot be asked, or does not say.
 */
export async function askGeneration(upstream: Upstream, id: string): Promise<Generation | null> {
  const response = await fetch(`${upstream.UPSTREAM_BASE_URL}/generation?id=${encodeURIComponent(id)}`, {
    headers: { authorization: `Bearer ${upstream.OPENROUTER_API_KEY ?? ''}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) {
    await response.body?.cancel();
    if (response.status === 404) return null;
    throw new Error(`generation: upstream answered ${response.status}`);
  }
  const { data } = Answer.parse(await response.json());
  return {
    model: data.model ?? null,
    provider: data.provider_name ?? null,
    finishReason: data.finish_reason ?? null,
    inputTokens: data.native_tokens_prompt ?? null,
    outputTokens: data.native_tokens_completion ?? null,
    reasoningTokens: data.native_tokens_reasoning ?? null,
    cachedTokens: data.native_tokens_cached ?? null,
    costNanoUsd: data.total_cost,
  };
}
