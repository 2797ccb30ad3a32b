import * as z from 'zod';
import type { DeadLetter } from './dead-letters.ts';

/** A message whose body is what its queue promises. */
export interface Valid<T> {
  message: Message;
  event: T;
}

/** Parses every message by its queue's schema: what is valid, and what is dead, with the reason. */
export function sortMessages<T>(messages: readonly Message[], schema: z.ZodType<T>) {
  const valid: Valid<T>[] = [];
  const dead: DeadLetter[] = [];
  for (const message of messages) {
    const parsed = schema.safeParse(message.body);
    if (parsed.success) valid.push({ message, event: parsed.data });
    else dead.push({ message, reason: z.prettifyError(parsed.error).slice(0, 2000) });
  }
  return { valid, dead };
}
