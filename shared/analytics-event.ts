import * as z from 'zod';
import { PackedText } from './packed-text.ts';
import { UsageEvent } from './usage-event.ts';

/** Why content is not here: analytics were off; its message was a dead letter. Null: it is, or for another reason. */
const omitted = z.enum(['off', 'dead_letter']).nullable().default(null);

/**
 * The message of the analytics queue: what the usage event says, how the request was asked for, and,
 * unless it is private, what was asked and answered. Defaults are for messages of a worker that did not
 * say so yet.
 */
export const AnalyticsEvent = UsageEvent.extend({
  streamed: z.boolean(),
  message_count: z.int().nonnegative(),
  /** What ties requests together, as the client named it. */
  conversation_id: z.string().max(256).nullable().default(null),
  /** Whether content was left out because the request, its key or the operator wants it so. */
  private: z.boolean().default(false),
  /** The request's JSON; null: left out, for privacy, for its size, or as input_omitted says. */
  input: PackedText.nullable().default(null),
  /** What the client was sent, JSON or an event stream; null: left out, or there was none. */
  output: PackedText.nullable().default(null),
  /** Their lengths before packing, characters; they are told in any case. */
  input_length: z.int().nonnegative().default(0),
  output_length: z.int().nonnegative().default(0),
  input_omitted: omitted,
  output_omitted: omitted,
});
export type AnalyticsEvent = z.infer<typeof AnalyticsEvent>;
