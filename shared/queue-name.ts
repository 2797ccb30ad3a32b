/** What the queues of this system carry; each has a dead-letter queue behind it. */
export type QueueSource = 'usage' | 'analytics' | 'reconcile';

const NAME = /^openai-api-(?<source>usage|analytics|reconcile)(?<dead>-dead-letters)?(?:-[a-z0-9-]+)?$/;

/**
 * What a queue's name says, by the names in both wrangler files; it may end in an environment's, as in
 * `openai-api-usage-dead-letters-staging`. Null: it is none of ours.
 */
export function parseQueueName(name: string): { source: QueueSource; deadLetters: boolean } | null {
  const { source, dead } = NAME.exec(name)?.groups ?? {};
  return source === undefined ? null : { source: source as QueueSource, deadLetters: dead !== undefined };
}
