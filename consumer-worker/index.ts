import { countAnalytics } from './analytics.ts';
import { bill } from './billing.ts';
import { keepGivenUp, keepUnknown } from './dead-letters.ts';
import { deliver } from './deliver.ts';
import type { Env } from './env.ts';
import { queueRole } from './queue-role.ts';

export default {
  queue(batch, env): Promise<void> {
    switch (queueRole(batch.queue)) {
      case 'usage':
        return deliver(batch, env.DB, bill);
      case 'analytics':
        return deliver(batch, env.DB, countAnalytics);
      case 'dead-letters':
        return deliver(batch, env.DB, keepGivenUp);
      case 'unknown':
        return deliver(batch, env.DB, keepUnknown);
    }
  },
} satisfies ExportedHandler<Env>;
