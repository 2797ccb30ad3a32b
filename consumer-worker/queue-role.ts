/** What a queue is for. Its name may end in an environment's: `openai-api-usage-dead-letters-staging`. */
export type QueueRole = 'usage' | 'analytics' | 'dead-letters' | 'unknown';

const NAME = /^openai-api-(?<source>usage|analytics)(?<dead>-dead-letters)?(?:-[a-z0-9-]+)?$/;

/** The role of a queue by its name in wrangler.consumer.toml. */
export function queueRole(name: string): QueueRole {
  const { source, dead } = NAME.exec(name)?.groups ?? {};
  if (dead) return 'dead-letters';
  return source === 'usage' || source === 'analytics' ? source : 'unknown';
}
