import * as z from 'zod';
import { UsageEvent } from './usage-event.ts';

/**
 * The message of the analytics queue: what the usage event says, and how the request was asked for.
 * It carries no content.
 */
export const AnalyticsEvent = UsageEvent.extend({
  streamed: z.boolean(),
  message_count: z.int().nonnegative(),
});
export type AnalyticsEvent = z.infer<typeof AnalyticsEvent>;
