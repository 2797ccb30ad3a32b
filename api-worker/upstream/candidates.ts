import type { Env } from '../env.ts';
import { listOf } from '../http/browser.ts';

/**
 * The models to try, in order: the requested one, then FALLBACK_MODELS. A request with OpenRouter's
 * own `models` list says for itself what to fall back to, so nothing is added to it.
 */
export function candidatesFor(
  env: Env,
  requested: { model: string; models?: readonly string[] | null | undefined },
): string[] {
  if (requested.models?.length) return [requested.model];
  return [...new Set([requested.model, ...listOf(env.FALLBACK_MODELS)])];
}
