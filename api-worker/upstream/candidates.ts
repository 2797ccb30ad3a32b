import type { Env } from '../env.ts';
import { listOf } from '../list-of.ts';
import { canServe, type Needs } from './needs.ts';
import { modelNamed, type UpstreamModel } from './upstream-model.ts';

const TIERS = ['premium', 'standard', 'budget'] as const;
type Tier = (typeof TIERS)[number];

/** A model that may be tried. */
export interface Candidate {
  model: string;
  /** The answer's length, tokens; null: as the client says. */
  maxTokens: number | null;
  /** Whether `maxTokens` also shortens what the client asks for: the answer is a makeshift. */
  makeshift: boolean;
}

/** Candidates in the order in which they are to be tried. */
export interface Candidates {
  first: readonly Candidate[];
  /** Those after them, found out only when they are needed. Safe to repeat. */
  more: (() => Promise<readonly Candidate[]>) | null;
  /** The one model that the client named, whose refusal is the answer; null: the choice is ours. */
  insistsOn: string | null;
  tier: Tier | null;
}

/** What a request says of who is to answer. */
export interface Requested {
  /** Null: it names none, so that it is DEFAULT_MODEL's. */
  model: string | null;
  /** OpenRouter's `models`: what to try after `model`. */
  models: readonly string[];
  /** Whether models that the client did not name may answer. */
  fallback: boolean;
  needs: Needs;
}

/** The names that operators give to models and tiers, beside the tiers' own. */
function aliasesOf(env: Env): Map<string, string> {
  return new Map(
    listOf(env.MODEL_ALIASES).map((entry) => {
      const [alias = '', target = ''] = entry.split('=', 2);
      return [alias.trim(), target.trim()];
    }),
  );
}

/**
 * Who may answer. A tier's models are those that the upstream lists and that can serve the request, and
 * after them the budget tier's, with short answers. A model that is named comes first whatever the list
 * says of it; after it the client's own `models`, tiers among them or not, or else FALLBACK_MODELS, if
 * they can serve the request.
 *
 * @param listed the upstream's models; null when they are not to be had: then nothing is excluded.
 */
export async function candidatesFor(
  env: Env,
  { model, models, fallback, needs }: Requested,
  listed: () => Promise<readonly UpstreamModel[] | null>,
): Promise<Candidates> {
  const aliases = aliasesOf(env);
  const asked = [...(model === null ? [] : [model]), ...models];
  const [name = env.DEFAULT_MODEL, ...others] = asked.map((one) => aliases.get(one) ?? one);
  if (isTier(name) || others.some(isTier)) {
    const list = await listed();
    const falls = fallback && others.length === 0 && name !== 'budget' && env.FALL_BACK_TO_BUDGET === 'true';
    const all = [
      ...[name, ...others].flatMap((one) => (isTier(one) ? alive(ofTier(env, one, false), list) : [candidate(one)])),
      ...(falls ? alive(ofTier(env, 'budget', true), list) : []),
    ];
    return {
      first: unique(all).filter((one) => can(one, list, needs)),
      more: null,
      insistsOn: null,
      tier: isTier(name) ? name : null,
    };
  }
  const own = models.length === 0 && fallback ? listOf(env.FALLBACK_MODELS).map(candidate) : [];
  const more = async (): Promise<readonly Candidate[]> => {
    const list = await listed();
    const after = unique([candidate(name), ...others.map(candidate), ...alive(own, list)]).slice(1);
    return after.filter((one) => can(one, list, needs));
  };
  return {
    first: [candidate(name)],
    more: others.length + own.length > 0 ? more : null,
    insistsOn: models.length === 0 ? model && name : null,
    tier: null,
  };
}

/** The names that are this gateway's own, tiers and aliases, each with the models that it stands for. */
export function ownNames(env: Env): Map<string, string[]> {
  const aliases = aliasesOf(env);
  return new Map(
    [...TIERS, ...aliases.keys()].map((name) => {
      const target = aliases.get(name) ?? name;
      return [name, isTier(target) ? ofTier(env, target, false).map(({ model }) => model) : [target]];
    }),
  );
}

function ofTier(env: Env, tier: Tier, makeshift: boolean): Candidate[] {
  const models = { premium: env.TIER_PREMIUM, standard: env.TIER_STANDARD, budget: env.TIER_BUDGET }[tier];
  const maxTokens = tier === 'budget' ? Number(env.BUDGET_MAX_TOKENS) || null : null;
  return listOf(models).map((model) => ({ model, maxTokens, makeshift }));
}

function candidate(model: string): Candidate {
  return { model, maxTokens: null, makeshift: false };
}

/** Whether a name is that of a tier. */
export function isTier(name: string): name is Tier {
  return TIERS.some((tier) => tier === name);
}

/** Those that the upstream lists. */
function alive(candidates: readonly Candidate[], list: readonly UpstreamModel[] | null): Candidate[] {
  return candidates.filter(({ model }) => list === null || modelNamed(model, list) !== null);
}

function can({ model }: Candidate, list: readonly UpstreamModel[] | null, needs: Needs): boolean {
  return canServe(modelNamed(model, list), needs);
}

/** Each model once, where and as it came first. */
function unique(candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter(({ model }, n) => candidates.findIndex((one) => one.model === model) === n);
}
