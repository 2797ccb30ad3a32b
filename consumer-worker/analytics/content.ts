import type { AnalyticsEvent } from '../../shared/analytics-event.ts';
import { TooLong, unpackText } from '../../shared/packed-text.ts';
import { answered } from './answered.ts';
import { asked } from './asked.ts';
import { isEmbedding } from './is-embedding.ts';

/**
 * Why content is not there though its length is: nobody may see it; it is too long for a message or an event;
 * it could not be read; PostHog would not take it; or what its message says (see AnalyticsEvent).
 */
type Omission = 'private' | 'size' | 'unreadable' | 'refused' | NonNullable<AnalyticsEvent['input_omitted']>;

/** What was asked and answered, as properties of `$ai_generation` or `$ai_embedding`. */
export interface Content {
  properties: Record<string, unknown>;
  /** Why there is none; null: there is. */
  inputOmitted: Omission | null;
  outputOmitted: Omission | null;
}

/** Chunks of a stream say one word in 200 characters, so that short content may be long. */
const STREAM_MAX_BYTES = 8 * 1024 * 1024;
/** Of JSON that is parsed at once: `{},{},…` of this length takes 25 MB of an isolate's 128. */
const JSON_MAX_BYTES = 2 * 1024 * 1024;
/**
 * PostHog takes events of up to about 1 MB, and keeps an event as JSON in a string of JSON, in which quotes and
 * backslashes double. This is of that form, and leaves room for the other properties.
 */
const CONTENT_MAX_BYTES = 800_000;

/** Reads an event's content, of which as much is kept as fits into an event, the shorter text first. Never rejects. */
export async function contentOf(event: AnalyticsEvent): Promise<Content> {
  if (event.private) return without(event, 'private');
  const input = await read(event.input, absent(event, 'input'), async (packed) =>
    asked(JSON.parse(await unpackText(packed, JSON_MAX_BYTES))),
  );
  const output = await read(isEmbedding(event) ? null : event.output, absent(event, 'output'), async (packed) => ({
    $ai_output_choices: answered(await unpackText(packed, STREAM_MAX_BYTES), JSON_MAX_BYTES),
  }));
  const [first, second] = input.bytes < output.bytes ? [input, output] : [output, input];
  if (first.bytes + second.bytes > CONTENT_MAX_BYTES) leaveOut(second);
  if (first.bytes > CONTENT_MAX_BYTES) leaveOut(first);
  return {
    properties: { ...input.properties, ...output.properties },
    inputOmitted: input.omitted,
    outputOmitted: output.omitted,
  };
}

/** An event's content, left out. What is not there for another reason keeps that. */
export function without(event: AnalyticsEvent, why: 'private' | 'refused'): Content {
  const omission = (part: 'input' | 'output'): Omission | null => {
    const before = absent(event, part);
    if (before === null) return null;
    return why === 'refused' && event[part] === null ? before : why;
  };
  return { properties: {}, inputOmitted: omission('input'), outputOmitted: omission('output') };
}

/** Why a part's content is missing if its message has none; null: there was none. */
function absent(event: AnalyticsEvent, part: 'input' | 'output'): Omission | null {
  // Vectors are no content, and the longest answers of all.
  if (part === 'output' && isEmbedding(event)) return null;
  return event[`${part}_length`] > 0 ? (event[`${part}_omitted`] ?? 'size') : null;
}

interface Reading {
  properties: Record<string, unknown>;
  omitted: Omission | null;
  /** As they count for the event. */
  bytes: number;
}

async function read(
  packed: string | null,
  absent: Omission | null,
  parse: (packed: string) => Promise<Record<string, unknown>>,
): Promise<Reading> {
  if (packed === null) return { properties: {}, omitted: absent, bytes: 0 };
  try {
    const properties = await parse(packed);
    return { properties, omitted: null, bytes: bytesOf(properties) };
  } catch (error) {
    return { properties: {}, omitted: error instanceof TooLong ? 'size' : 'unreadable', bytes: 0 };
  }
}

function leaveOut(reading: Reading): void {
  reading.properties = {};
  reading.omitted = 'size';
}

function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(JSON.stringify(value))).length;
}
