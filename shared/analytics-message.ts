import * as z from 'zod';
import { AnalyticsEvent } from './analytics-event.ts';
import { ExceptionReport } from './exception-report.ts';

/** What the analytics queue carries: requests, and failures that nobody expected. */
export const AnalyticsMessage = z.discriminatedUnion('kind', [
  AnalyticsEvent.extend({ kind: z.literal('request').optional() }),
  ExceptionReport,
]);
export type AnalyticsMessage = z.infer<typeof AnalyticsMessage>;
