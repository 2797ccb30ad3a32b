import * as z from 'zod';
import { usdToNano } from '../../shared/money.ts';
import type { Env } from '../env.ts';
import type { AttemptRecord } from './journal.ts';

/** The upstream knows a generation soon after its end, not at once. */
const ASK_AFTER_MS = [200, 500, 1_000, 2_000, 4_000];
const TIMEOUT_MS = 3_000;
/** Of the 30 s that `waitUntil` leaves: the queue and the limiter are told after it. */
const ASK_WITHIN_MS = 12_000;

/** What OpenRouter's ids begin with: others cannot be asked for. */
const GENERATION = 'gen-';

const count = z.int().nonnegative().nullish().catch(null);
const Answer = z.object({
  data: z.object({
    model: z.string().max(512).nullish().catch(null),
    provider_name: z.string().max(512).nullish().catch(null),
    finish_reason: z.string().max(512).nullish().catch(null),
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

/**
 * The truth about an attempt that did not tell its usage itself: the client left, the upstream died,
 * another was faster. The upstream is asked once for it however often this is called.
 *
 * @returns null when it has no id or the upstream does not know in time. Never rejects.
 */
export function generationOf(env: Env, record: AttemptRecord, id: string | null): Promise<Generation | null> {
  if (!id?.startsWith(GENERATION)) return Promise.resolve(null);
  record.generation ??= ask(env, id);
  return record.generation;
}

async function ask(env: Env, id: string): Promise<Generation | null> {
  const giveUpAt = Date.now() + ASK_WITHIN_MS;
  for (const delayMs of ASK_AFTER_MS) {
    if (Date.now() + delayMs + TIMEOUT_MS > giveUpAt) break;
    await scheduler.wait(delayMs);
    const generation = await askOnce(env, id).catch(() => null);
    if (generation) return generation;
  }
  return null;
}

/** `GET /generation?id=` (OpenRouter); always the upstream itself, for a gateway in front has no such page. */
async function askOnce(env: Env, id: string): Promise<Generation | null> {
  const response = await fetch(`${env.UPSTREAM_BASE_URL}/generation?id=${encodeURIComponent(id)}`, {
    headers: { authorization: `Bearer ${env.OPENROUTER_API_KEY ?? ''}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) {
    await response.body?.cancel();
    return null;
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
