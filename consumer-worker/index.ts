import { evaluateAlerts } from './alerts/evaluate.ts';
import { deliverAnalytics } from './analytics/deliver-analytics.ts';
import { bill } from './billing/bill.ts';
import { compareAccount } from './billing/compare-account.ts';
import { priceLate } from './billing/price-late.ts';
import { reconcile } from './billing/reconcile.ts';
import { refreshPrices } from './billing/refresh-prices.ts';
import { sweepPending } from './billing/sweep.ts';
import { forgetDeadLetters } from './dead-letters/forget.ts';
import { keepGivenUp, keepUnknown } from './dead-letters/keep.ts';
import { deliver } from './deliver.ts';
import type { Env } from './env.ts';
import { runJobs } from './jobs.ts';
import { queueRole } from './queue-role.ts';
import { moveOldRows } from './retention/move-old-rows.ts';

export default {
  queue(batch, env): Promise<void> {
    switch (queueRole(batch.queue)) {
      case 'usage':
        return deliver(batch, env, bill);
      case 'analytics':
        return deliverAnalytics(batch, env);
      case 'reconcile':
        return deliver(batch, env, reconcile);
      case 'dead-letters':
        return deliver(batch, env, keepGivenUp);
      case 'unknown':
        return deliver(batch, env, keepUnknown);
    }
  },

  /** The crons of wrangler.consumer.toml, in its order. */
  scheduled({ cron, scheduledTime }, env): Promise<void> {
    switch (cron) {
      case '*/5 * * * *':
        return runJobs([sweepPending, evaluateAlerts], env, scheduledTime);
      case '20 * * * *':
        return runJobs([priceLate, moveOldRows, forgetDeadLetters], env, scheduledTime);
      default:
        return runJobs([refreshPrices, compareAccount], env, scheduledTime);
    }
  },
} satisfies ExportedHandler<Env>;
