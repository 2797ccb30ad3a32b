import * as z from 'zod';
import type { DeadLetter } from './dead-letters/keep.ts';

/** A body of many wrong fields makes a long list; its beginning tells enough. */
const REASON_MAX_CHARS = 2000;

/** Parses every message by its queue's schema: the events of the valid ones, in order, those messages, and what is dead, with the reason. */
export function sortMessages<T>(messages: readonly Message[], schema: z.ZodType<T>) {
  const events: T[] = [];
  const valid: Message[] = [];
  const dead: DeadLetter[] = [];
  for (const message of messages) {
    const parsed = schema.safeParse(message.body);
    if (parsed.success) {
      events.push(parsed.data);
      valid.push(message);
    } else dead.push({ message, reason: z.prettifyError(parsed.error).slice(0, REASON_MAX_CHARS) });
  }
  return { events, valid, dead };
}
