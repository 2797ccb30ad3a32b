import { parseQueueName, type QueueSource } from '../shared/queue-name.ts';

/** What a queue is for. */
export type QueueRole = QueueSource | 'dead-letters' | 'unknown';

/** The role of a queue by its name in wrangler.consumer.toml. */
export function queueRole(name: string): QueueRole {
  const parsed = parseQueueName(name);
  if (parsed === null) return 'unknown';
  return parsed.deadLetters ? 'dead-letters' : parsed.source;
}
