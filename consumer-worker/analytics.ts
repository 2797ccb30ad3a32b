import { AnalyticsEvent } from '../shared/analytics-event.ts';
import { deadLetterStatements } from './dead-letters.ts';
import type { Plan } from './deliver.ts';
import { sortMessages } from './sort.ts';

/** Analytics events are counted, in the batch's log line; what is none becomes a dead letter. */
export function countAnalytics(db: D1Database, queue: string, messages: readonly Message[]): Plan {
  const { dead } = sortMessages(messages, AnalyticsEvent);
  return { statements: deadLetterStatements(db, queue, dead), deadLetters: dead.length };
}
