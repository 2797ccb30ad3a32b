import { countAnalytics } from './analytics.ts';
import { bill } from './billing.ts';
import { storeDeadLetters } from './dead-letters.ts';
import type { Env } from './env.ts';

export default {
  queue(batch, env): Promise<void> {
    // Names end in the environment's: `openai-api-usage`, `openai-api-usage-staging`.
    if (batch.queue.includes('-dead-letters')) return storeDeadLetters(batch, env);
    if (batch.queue.startsWith('openai-api-usage')) return bill(batch, env);
    if (batch.queue.startsWith('openai-api-analytics')) return countAnalytics(batch, env);
    throw new Error(`No handler for the queue ${batch.queue}: its messages are delivered again.`);
  },
} satisfies ExportedHandler<Env>;
