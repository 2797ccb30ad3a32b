import * as z from 'zod';
import { usdToNano } from '../../shared/money.ts';
import type { UsageEvent } from '../../shared/usage-event.ts';

/** What a transcript says of itself. */
export interface MeteredUsage {
  /** Named as in the ledger. */
  fields: Pick<
    UsageEvent,
    | 'model'
    | 'provider'
    | 'generation_id'
    | 'finish_reason'
    | 'input_tokens'
    | 'output_tokens'
    | 'cached_tokens'
    | 'cache_write_tokens'
    | 'reasoning_tokens'
    | 'cost_nano_usd'
    | 'usage_source'
  >;
  /** The upstream reported an error in the midst of its answer. */
  failed: boolean;
}

/** Of an answer that tells nothing. */
export const UNKNOWN_USAGE: MeteredUsage['fields'] = {
  model: null,
  provider: null,
  generation_id: null,
  finish_reason: null,
  input_tokens: null,
  output_tokens: null,
  cached_tokens: null,
  cache_write_tokens: null,
  reasoning_tokens: null,
  cost_nano_usd: null,
  usage_source: 'unknown',
};

/** Usage comes with the last events; a stream that was cut has none, and is not searched to its start. */
const EVENTS_SEARCHED = 64;

const text = z.string().max(512).nullable().catch(null).default(null);
const count = z.int().nonnegative().nullable().catch(null).default(null);

/** What we read of a chunk or a completion; providers differ, so that a field that is off is absent. */
const Part = z.object({
  id: text,
  model: text,
  provider: text,
  error: z.unknown().optional(),
  choices: z
    .array(z.object({ finish_reason: text }))
    .catch([])
    .default([]),
  usage: z
    .object({
      prompt_tokens: count,
      completion_tokens: count,
      prompt_tokens_details: z
        .object({ cached_tokens: count, cache_write_tokens: count })
        .nullable()
        .catch(null)
        .default(null),
      completion_tokens_details: z.object({ reasoning_tokens: count }).nullable().catch(null).default(null),
      cost: z.number().nullable().catch(null).default(null),
    })
    .nullable()
    .catch(null)
    .default(null),
});
type Part = z.infer<typeof Part>;

/**
 * Reads the end of a transcript: the last usage, wherever it sits (facts differ by date and
 * provider), and who answered. Only the events that can matter are parsed, from the last one back.
 */
export function meter(transcript: string, streamed: boolean): MeteredUsage {
  // Within content the quotes are escaped, so that without this there is no error event to look for.
  const mayHaveFailed = transcript.includes('"error"');
  let last: Part | undefined;
  let counted: Part | undefined;
  let finish: string | null = null;
  let failed = false;
  let searched = 0;
  for (const part of streamed ? eventParts(transcript) : jsonParts(transcript)) {
    last ??= part;
    if (part.usage) counted ??= part;
    if (part.error) failed = true;
    finish ??= part.choices.findLast((choice) => choice.finish_reason !== null)?.finish_reason ?? null;
    searched += 1;
    if (mayHaveFailed && !failed) continue;
    if ((counted && finish !== null) || searched >= EVENTS_SEARCHED) break;
  }
  const fields = { ...origin(counted ?? last), finish_reason: finish, ...tokens(counted) };
  return { fields, failed: failed || finish === 'error' };
}

function origin(part: Part | undefined): Pick<UsageEvent, 'model' | 'provider' | 'generation_id'> {
  return { model: part?.model ?? null, provider: part?.provider ?? null, generation_id: part?.id ?? null };
}

function tokens(part: Part | undefined) {
  const usage = part?.usage;
  return {
    input_tokens: usage?.prompt_tokens ?? null,
    output_tokens: usage?.completion_tokens ?? null,
    cached_tokens: usage?.prompt_tokens_details?.cached_tokens ?? null,
    cache_write_tokens: usage?.prompt_tokens_details?.cache_write_tokens ?? null,
    reasoning_tokens: usage?.completion_tokens_details?.reasoning_tokens ?? null,
    cost_nano_usd: usage?.cost == null ? null : usdToNano(usage.cost),
    usage_source: usage ? ('provider' as const) : ('unknown' as const),
  };
}

/** The events of a stream from the last one back; those that are not JSON are passed over. */
function* eventParts(transcript: string): Generator<Part> {
  let end = transcript.length;
  while (end > 0) {
    const start = Math.max(transcript.lastIndexOf('\n', end - 1), transcript.lastIndexOf('\r', end - 1)) + 1;
    const line = transcript.slice(start, end);
    end = start - 1;
    if (!line.startsWith('data:')) continue;
    const part = parsePart(line.slice(5));
    if (part) yield part;
  }
}

function* jsonParts(transcript: string): Generator<Part> {
  const part = parsePart(transcript);
  if (part) yield part;
}

function parsePart(json: string): Part | null {
  try {
    return Part.safeParse(JSON.parse(json)).data ?? null;
  } catch {
    return null;
  }
}
