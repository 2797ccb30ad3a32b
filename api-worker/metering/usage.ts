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

/** A member or a value that is `"error"`; a Responses answer has `"error": null` in each of its events. */
const ERROR = /"error"\s*(?::(?!\s*null)|[,}])/;
/** What a Responses answer calls the client's tools by: `function_call`, `custom_tool_call` and the like. */
const TOOL_CALL = /^(?:function|custom_tool|computer|local_shell|shell|apply_patch)_call$/;

/** Usage comes with the last events; a stream that was cut has none, and is not searched to its start. */
const EVENTS_SEARCHED = 64;

const text = z.string().max(512).nullable().catch(null).default(null);
const count = z.int().nonnegative().nullable().catch(null).default(null);

/** Chat completions name them one way, Responses another; of embeddings there is no output. */
const Usage = z.object({
  prompt_tokens: count,
  completion_tokens: count,
  input_tokens: count,
  output_tokens: count,
  total_tokens: count,
  prompt_tokens_details: details(),
  completion_tokens_details: details(),
  input_tokens_details: details(),
  output_tokens_details: details(),
  cost: z.number().nullable().catch(null).default(null),
});

function details() {
  return z
    .object({ cached_tokens: count, cache_write_tokens: count, reasoning_tokens: count })
    .nullable()
    .catch(null)
    .default(null);
}

const member = { id: text, model: text, usage: Usage.nullable().catch(null).default(null) };

/** A Responses answer, or what its events say of it. */
const Answered = z.object({
  ...member,
  status: text,
  incomplete_details: z.object({ reason: text }).nullable().catch(null).default(null),
  output: z
    .array(z.object({ type: text }))
    .catch([])
    .default([]),
});

/** What we read of a chunk, an event or an answer; providers differ, so that a field that is off is absent. */
const Part = z.object({
  ...member,
  ...Answered.shape,
  type: text,
  provider: text,
  error: z.unknown().optional(),
  choices: z
    .array(z.object({ finish_reason: text }))
    .catch([])
    .default([]),
  /** In events of a Responses stream. */
  response: Answered.extend({ error: z.unknown().optional() }).nullable().catch(null).default(null),
});
type Part = z.infer<typeof Part>;

/**
 * Reads the end of a transcript: the last usage, wherever it sits (facts differ by date and
 * provider), and who answered. Only the events that can matter are parsed, from the last one back.
 */
export function meter(transcript: string, streamed: boolean): MeteredUsage {
  // Within content the quotes are escaped, so that without this there is no error to look for.
  const mayHaveFailed = ERROR.test(transcript);
  let last: Part | undefined;
  let counted: Part | undefined;
  let finish: string | null = null;
  let failed = false;
  let searched = 0;
  for (const part of streamed ? eventParts(transcript) : jsonParts(transcript)) {
    last ??= part;
    if (part.usage) counted ??= part;
    if (part.error || part.type === 'error') failed = true;
    finish ??= finishOf(part);
    searched += 1;
    if (mayHaveFailed && !failed) continue;
    if ((counted && finish !== null) || searched >= EVENTS_SEARCHED) break;
  }
  const fields = { ...origin(counted ?? last), finish_reason: finish, ...tokens(counted) };
  return { fields, failed: failed || finish === 'error' };
}

/** An answer's finish in the words of chat completions; null: it does not say, or goes on. */
function finishOf({ choices, status, incomplete_details, output }: Part): string | null {
  switch (status) {
    case 'completed':
      return output.some(({ type }) => type !== null && TOOL_CALL.test(type)) ? 'tool_calls' : 'stop';
    case 'incomplete':
      return incomplete_details?.reason === 'content_filter' ? 'content_filter' : 'length';
    case 'failed':
      return 'error';
    case 'cancelled':
      return 'cancelled';
    default:
      return choices.findLast((choice) => choice.finish_reason !== null)?.finish_reason ?? null;
  }
}

function origin(part: Part | undefined): Pick<UsageEvent, 'model' | 'provider' | 'generation_id'> {
  return { model: part?.model ?? null, provider: part?.provider ?? null, generation_id: part?.id ?? null };
}

function tokens(part: Part | undefined) {
  const usage = part?.usage;
  const input = usage?.prompt_tokens_details ?? usage?.input_tokens_details;
  const output = usage?.completion_tokens_details ?? usage?.output_tokens_details;
  const inputTokens = usage?.prompt_tokens ?? usage?.input_tokens ?? null;
  // Embeddings name no output: all their tokens are the prompt's.
  const none = inputTokens !== null && usage?.total_tokens === inputTokens ? 0 : null;
  return {
    input_tokens: inputTokens,
    output_tokens: usage?.completion_tokens ?? usage?.output_tokens ?? none,
    cached_tokens: input?.cached_tokens ?? null,
    cache_write_tokens: input?.cache_write_tokens ?? null,
    reasoning_tokens: output?.reasoning_tokens ?? null,
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

/** An answer as one part; of one that is too long to be kept whole, the usage, which stands at its end. */
function* jsonParts(transcript: string): Generator<Part> {
  const part = parsePart(transcript) ?? parsePart(usageIn(transcript));
  if (part) yield part;
}

/** The last usage of a JSON text that need not be whole, as an object that holds nothing else. */
function usageIn(json: string): string {
  const start = json.lastIndexOf('"usage":');
  const open = start < 0 ? -1 : json.indexOf('{', start);
  if (open < 0) return '';
  let depth = 0;
  for (let at = open; at < json.length; at += 1) {
    // Usage holds no text in which a brace could stand.
    if (json[at] === '{') depth += 1;
    else if (json[at] === '}' && --depth === 0) return `{"usage":${json.slice(open, at + 1)}}`;
  }
  return '';
}

function parsePart(json: string): Part | null {
  try {
    const part = Part.safeParse(JSON.parse(json)).data;
    return part ? { ...part, ...part.response, type: part.type } : null;
  } catch {
    return null;
  }
}
