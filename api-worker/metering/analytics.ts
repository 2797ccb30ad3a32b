import type { AnalyticsEvent } from '../../shared/analytics-event.ts';
import { packText } from '../../shared/packed-text.ts';
import type { UsageEvent } from '../../shared/usage-event.ts';
import type { Env } from '../env.ts';

/** Of a message's 128 KB, what content may take. */
const CONTENT_MAX_CHARS = 96 * 1024;
/** Longer texts do not get that small; packing them would only cost time. */
const PACKED_MAX_CHARS = 2 * 1024 * 1024;
/** Of each of the two, so that a message rarely counts as more than one: those are billed by 64 KB. */
const AS_IT_IS_MAX_CHARS = 8 * 1024;

/** How a request was asked for. */
export interface Asked {
  streamed: boolean;
  messageCount: number;
  conversationId: string | null;
  isPrivate: boolean;
  /** The request's JSON. */
  input: string;
}

/**
 * What analytics are told of a request. Content that is too long for a message is left out, the longer
 * text first; the event itself never is.
 *
 * @param output all that the client was sent; null: not kept, so that only its length can be told.
 */
export async function analyticsEvent(
  env: Env,
  event: UsageEvent,
  { streamed, messageCount, conversationId, isPrivate, input }: Asked,
  { body: output, bodyLength }: { body: string | null; bodyLength: number },
): Promise<AnalyticsEvent> {
  // Without analytics nobody would ever unpack it.
  const off = !env.POSTHOG_API_KEY;
  const wanted = !isPrivate && !off;
  const [packedInput, packedOutput] = !wanted ? [null, null] : await Promise.all([pack(input), pack(output)]);
  return {
    ...event,
    streamed,
    message_count: messageCount,
    conversation_id: conversationId,
    private: isPrivate,
    ...fitting(packedInput, packedOutput),
    input_length: input.length,
    output_length: bodyLength,
    input_omitted: off ? 'off' : null,
    output_omitted: off ? 'off' : null,
  };
}

function fitting(input: string | null, output: string | null): Pick<AnalyticsEvent, 'input' | 'output'> {
  const [inputLength, outputLength] = [input?.length ?? 0, output?.length ?? 0];
  if (inputLength + outputLength <= CONTENT_MAX_CHARS) return { input, output };
  const [shorter, kept] = inputLength < outputLength ? [inputLength, { input }] : [outputLength, { output }];
  return { input: null, output: null, ...(shorter <= CONTENT_MAX_CHARS && kept) };
}

async function pack(text: string | null): Promise<string | null> {
  return text === null || text.length > PACKED_MAX_CHARS ? null : packText(text, AS_IT_IS_MAX_CHARS);
}
