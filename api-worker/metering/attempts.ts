import { askableId } from '../../shared/generation.ts';
import type { UnpricedAttempt, UsageEvent } from '../../shared/usage-event.ts';
import type { Env } from '../env.ts';
import { generationOf } from '../upstream/generation.ts';
import type { AttemptRecord } from '../upstream/journal.ts';
import { estimateTokens, type Prompt } from './estimate.ts';
import type { Transcript } from './transcript.ts';
import { type MeteredUsage, meterTranscript, UNKNOWN_USAGE } from './usage.ts';

type Fields = MeteredUsage['fields'];

/** What all attempts of a request used. */
export interface MeteredAttempts {
  /** Sums over the attempts; who answered is the last of which the client got something. */
  fields: Fields & Pick<UsageEvent, 'extra_cost_nano_usd' | 'unpriced_attempts' | 'unpriced'>;
  /** What the attempts whose cost is not known may have cost, at most. */
  heldNanoUsd: number;
}

interface MeteredAttempt {
  record: AttemptRecord;
  fields: Fields;
}

const SUMS = [
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'cost_nano_usd',
] as const;
/** A usage event has room for so many; nobody makes more. */
const UNPRICED_MAX = 64;
const ID_MAX_CHARS = 512;

/**
 * What a request used, over all its attempts: those that answered, that were given up and that lost a
 * race. One that does not tell its cost is asked for at the upstream; what that does not know yet either
 * is left to be priced, its tokens estimated where nobody told them. Those that were refused, or did not
 * reach it, cost nothing.
 *
 * Never rejects. Takes up to some seconds where the upstream must be asked.
 */
export async function meterAttempts(
  env: Env,
  attempts: readonly AttemptRecord[],
  prompt: Prompt,
): Promise<MeteredAttempts> {
  const metered = (await Promise.all(attempts.map((record) => meterAttempt(env, record, prompt)))).filter(
    (one) => one !== null,
  );
  const answer = metered.findLast(({ record }) => record.relayed);
  const priced = metered.filter(({ fields }) => fields.cost_nano_usd !== null);
  const unpriced = metered.filter(({ fields }) => fields.cost_nano_usd === null);
  const extra = priced.filter(({ record }) => !record.relayed);
  return {
    fields: {
      ...(answer?.fields ?? UNKNOWN_USAGE),
      ...Object.fromEntries(SUMS.map((sum) => [sum, metered.length === 0 ? 0 : sumOf(metered, sum)])),
      usage_source: sourceOf(metered, answer),
      extra_cost_nano_usd: sumOf(extra, 'cost_nano_usd') ?? 0,
      unpriced_attempts: unpriced.length,
      unpriced: unpriced.slice(0, UNPRICED_MAX).map((one) => unpricedOf(one, prompt)),
    },
    heldNanoUsd: unpriced.reduce((held, { record }) => held + record.boundNanoUsd, 0),
  };
}

function unpricedOf({ record, fields }: MeteredAttempt, { images }: Prompt): UnpricedAttempt {
  const { input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens } = fields;
  return {
    model: fields.model || record.model,
    generation_id: askableId(fields.generation_id),
    usage_source: fields.usage_source === 'provider' ? 'provider' : 'estimated',
    input_tokens,
    output_tokens,
    cached_tokens,
    cache_write_tokens,
    reasoning_tokens,
    // Of an answer of which nothing came, the prompt is not charged either.
    images: input_tokens === 0 && output_tokens === 0 ? 0 : images,
    relayed: record.relayed,
  };
}

/** Null: it cost nothing. */
async function meterAttempt(env: Env, record: AttemptRecord, prompt: Prompt): Promise<MeteredAttempt | null> {
  const transcript = await record.transcript;
  const streamed = record.contentType?.includes('text/event-stream') ?? false;
  const fields = transcript ? meterTranscript(transcript, streamed).fields : UNKNOWN_USAGE;
  const told = {
    ...fields,
    model: fields.model || record.model,
    generation_id: record.generationId?.slice(0, ID_MAX_CHARS) ?? fields.generation_id,
  };
  if (fields.cost_nano_usd !== null) return { record, fields: told };
  if (record.failure && !record.failure.mayHaveCost) return null;
  const generation = await generationOf(env, record, told.generation_id);
  if (!generation) {
    if (told.usage_source === 'provider') return { record, fields: told };
    return {
      record,
      fields: { ...told, ...estimated(prompt, transcript, streamed), usage_source: 'estimated' },
    };
  }
  return {
    record,
    fields: {
      ...told,
      model: fields.model || generation.model || record.model,
      provider: told.provider ?? generation.provider,
      finish_reason: told.finish_reason ?? generation.finishReason,
      input_tokens: generation.inputTokens ?? told.input_tokens,
      output_tokens: generation.outputTokens ?? told.output_tokens,
      cached_tokens: generation.cachedTokens ?? told.cached_tokens,
      reasoning_tokens: generation.reasoningTokens ?? told.reasoning_tokens,
      cost_nano_usd: generation.costNanoUsd,
      usage_source: 'reconciled',
    },
  };
}

/** What was left out of a transcript is taken to be as dense in tokens as what was kept. */
function estimated(prompt: Prompt, transcript: Transcript | null, streamed: boolean) {
  const { text, omittedBytes } = transcript ?? { text: '', omittedBytes: 0 };
  const { input_tokens, output_tokens } = estimateTokens(prompt, text, streamed);
  return { input_tokens, output_tokens: Math.ceil(output_tokens * (1 + omittedBytes / Math.max(1, text.length))) };
}

/** Null: none of them tells. */
function sumOf(metered: readonly MeteredAttempt[], name: (typeof SUMS)[number]): number | null {
  const known = metered.map(({ fields }) => fields[name]).filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
}

/** What the least certain of the numbers of an answer, or of all attempts, comes from. */
function sourceOf(metered: readonly MeteredAttempt[], answer: MeteredAttempt | undefined): UsageEvent['usage_source'] {
  if (metered.length === 0) return 'provider';
  const sources = metered.map(({ fields }) => fields.usage_source);
  if (answer?.fields.usage_source === 'estimated' || sources.every((source) => source === 'estimated'))
    return 'estimated';
  return sources.includes('reconciled') ? 'reconciled' : 'provider';
}
