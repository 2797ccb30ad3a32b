import type { Env } from '../env.ts';
import {
  accountDrift,
  deadLetters,
  errorRate,
  givenUp,
  latencyP95,
  missingPrices,
  queueBacklog,
  spendJump,
} from './measures.ts';

/** Something that is told about once it reaches its threshold, and again once it is below. */
export interface Alert {
  name: string;
  /** Of its value and its threshold, as it is written behind them. */
  unit: string;
  /** The variable that holds its threshold; 0: the alert is off. */
  threshold: Extract<keyof Env, `ALERT_${string}`>;
  /** Null: there is nothing to judge by. */
  measure: (env: Env, now: number) => Promise<number | null>;
}

/** Every alert there is. */
export const ALERTS: readonly Alert[] = [
  { name: 'error_rate', unit: '%', threshold: 'ALERT_ERROR_PERCENT', measure: errorRate },
  { name: 'latency_p95', unit: 'ms', threshold: 'ALERT_LATENCY_P95_MS', measure: latencyP95 },
  { name: 'queue_backlog', unit: 'messages', threshold: 'ALERT_QUEUE_BACKLOG', measure: queueBacklog },
  { name: 'dead_letters', unit: 'messages', threshold: 'ALERT_DEAD_LETTERS', measure: deadLetters },
  { name: 'missing_prices', unit: 'attempts', threshold: 'ALERT_MISSING_PRICES', measure: missingPrices },
  { name: 'given_up', unit: 'attempts', threshold: 'ALERT_GIVEN_UP', measure: givenUp },
  { name: 'spend_jump', unit: 'times the usual', threshold: 'ALERT_SPEND_FACTOR', measure: spendJump },
  { name: 'account_drift', unit: 'USD', threshold: 'ALERT_ACCOUNT_DRIFT_USD', measure: accountDrift },
];
