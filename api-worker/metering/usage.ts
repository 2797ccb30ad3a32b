import { usdToNano } from '../../shared/money.ts';
import type { UsageEvent } from '../../shared/usage-event.ts';
import type { Transcript } from './transcript.ts';

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
/** Names and ids are shorter. */
const TEXT_MAX_CHARS = 512;

/** What we read of a chunk, an event or an answer; providers differ, so that a field that is off is absent. */
interface Part {
  id: string | null;
  model: string | null;
  provider: string | null;
  type: string | null;
  error: unknown;
  finish: string | null;
  usage: Usage | null;
}

/** Chat completions name them one way, Responses another; of embeddings there is no output. */
interface Usage {
  input: number | null;
  output: number | null;
  total: number | null;
  cached: number | null;
  cacheWrite: number | null;
  reasoning: number | null;
  cost: number | null;
}

/** Of transcripts that were read: relay and meter both ask, and need not take one for the same thing. */
const METERED = { stream: new WeakMap<Transcript, MeteredUsage>(), json: new WeakMap<Transcript, MeteredUsage>() };

/** What a transcript's end tells, see {@link meter}; read once. */
export function meterTranscript(transcript: Transcript, streamed: boolean): MeteredUsage {
  const metered = METERED[streamed ? 'stream' : 'json'];
  const known = metered.get(transcript) ?? meter(transcript.text, streamed, transcript.omittedBytes > 0);
  metered.set(transcript, known);
  return known;
}

/**
 * Reads the end of a transcript: the last usage, wherever it sits (facts differ by date and
 * provider), and who answered. Only the events that can matter are parsed, from the last one back.
 *
 * @param cut whether its beginning is missing.
 */
export function meter(transcript: string, streamed: boolean, cut = false): MeteredUsage {
  // Within content the quotes are escaped, so that without this there is no error to look for.
  const mayHaveFailed = ERROR.test(transcript);
  let last: Part | undefined;
  let counted: Part | undefined;
  let finish: string | null = null;
  let failed = false;
  let searched = 0;
  for (const part of streamed ? eventParts(transcript, cut) : jsonParts(transcript)) {
    last ??= part;
    if (part.usage) counted ??= part;
    if (part.error || part.type === 'error') failed = true;
    finish ??= part.finish;
    searched += 1;
    if (mayHaveFailed && !failed) continue;
    if ((counted && finish !== null) || searched >= EVENTS_SEARCHED) break;
  }
  const fields = { ...origin(counted ?? last), finish_reason: finish, ...tokens(counted) };
  return { fields, failed: failed || finish === 'error' };
}

/** An answer's finish in the words of chat completions; null: it does not say, or goes on. */
function finishOf(answer: Members): string | null {
  switch (answer.status) {
    case 'completed':
      return listOf(answer.output).some((item) => TOOL_CALL.test(textOf(item.type) ?? '')) ? 'tool_calls' : 'stop';
    case 'incomplete':
      return membersOf(answer.incomplete_details)?.reason === 'content_filter' ? 'content_filter' : 'length';
    case 'failed':
      return 'error';
    case 'cancelled':
      return 'cancelled';
    default: {
      const finished = listOf(answer.choices).findLast((choice) => textOf(choice.finish_reason) !== null);
      return textOf(finished?.finish_reason);
    }
  }
}

function origin(part: Part | undefined): Pick<UsageEvent, 'model' | 'provider' | 'generation_id'> {
  return { model: part?.model ?? null, provider: part?.provider ?? null, generation_id: part?.id ?? null };
}

function tokens(part: Part | undefined) {
  const usage = part?.usage;
  // Embeddings name no output: all their tokens are the prompt's.
  const none = usage && usage.input !== null && usage.total === usage.input ? 0 : null;
  return {
    input_tokens: usage?.input ?? null,
    output_tokens: usage?.output ?? none,
    cached_tokens: usage?.cached ?? null,
    cache_write_tokens: usage?.cacheWrite ?? null,
    reasoning_tokens: usage?.reasoning ?? null,
    cost_nano_usd: usage?.cost == null ? null : usdToNano(usage.cost),
    usage_source: usage ? ('provider' as const) : ('unknown' as const),
  };
}

/** The events of a stream from the last one back; those that are not JSON are passed over. */
function* eventParts(transcript: string, cut: boolean): Generator<Part> {
  // Looked for once: each look for what is not there is one through all of it.
  const hasReturns = transcript.includes('\r');
  let end = transcript.length;
  while (end > 0) {
    const newline = transcript.lastIndexOf('\n', end - 1);
    const start = Math.max(newline, hasReturns ? transcript.lastIndexOf('\r', end - 1) : -1) + 1;
    const line = transcript.slice(start, end);
    end = start - 1;
    // The first one may be an event's end, whose usage is whole all the same.
    const json = line.startsWith('data:') ? line.slice(5) : cut && start === 0 ? usageIn(line) : '';
    const part = json === '' ? null : parsePart(json);
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
  let told: Members | null;
  try {
    told = membersOf(JSON.parse(json));
  } catch {
    return null;
  }
  if (!told) return null;
  // In events of a Responses stream the answer is a member.
  const answer = membersOf(told.response) ?? told;
  return {
    id: textOf(answer.id),
    model: textOf(answer.model),
    provider: textOf(told.provider),
    type: textOf(told.type),
    error: answer.error ?? told.error,
    finish: finishOf(answer),
    usage: usageOf(answer.usage),
  };
}

function usageOf(value: unknown): Usage | null {
  const usage = membersOf(value);
  if (!usage) return null;
  const input = membersOf(usage.prompt_tokens_details) ?? membersOf(usage.input_tokens_details);
  const output = membersOf(usage.completion_tokens_details) ?? membersOf(usage.output_tokens_details);
  return {
    input: countOf(usage.prompt_tokens) ?? countOf(usage.input_tokens),
    output: countOf(usage.completion_tokens) ?? countOf(usage.output_tokens),
    total: countOf(usage.total_tokens),
    cached: countOf(input?.cached_tokens),
    cacheWrite: countOf(input?.cache_write_tokens),
    reasoning: countOf(output?.reasoning_tokens),
    cost: typeof usage.cost === 'number' ? usage.cost : null,
  };
}

type Members = Record<string, unknown>;

function membersOf(value: unknown): Members | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : null;
}

/** The objects of a list. */
function listOf(value: unknown): Members[] {
  return Array.isArray(value) ? value.filter((item) => membersOf(item) !== null) : [];
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value.length <= TEXT_MAX_CHARS ? value : null;
}

function countOf(value: unknown): number | null {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null;
}
