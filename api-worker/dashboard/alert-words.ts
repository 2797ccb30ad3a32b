import { duration, several, usd } from './format.ts';
import type { AlertState } from './types-admin.ts';

interface Words {
  title: string;
  /** What its value is. */
  measures: string;
  format: (value: number) => string;
}

/** Each alert of consumer-worker/alerts/, in words. */
const ALERTS: Record<string, Words> = {
  error_rate: {
    title: 'Requests fail',
    measures: 'Share of requests that failed, in the last hour that had enough of them',
    format: (value) => `${decimal(value)} %`,
  },
  latency_p95: {
    title: 'Answers are slow',
    measures: 'Time to the last byte that 95 of 100 requests did not pass, in the last hour that had enough of them',
    format: duration,
  },
  queue_backlog: {
    title: 'A queue is long',
    measures: 'Messages that wait in the fullest queue',
    format: (value) => several(value, 'message'),
  },
  dead_letters: {
    title: 'Dead letters are stuck',
    measures: 'Messages that could not be used and wait for somebody to look at them',
    format: (value) => several(value, 'message'),
  },
  missing_prices: {
    title: 'Prices are missing',
    measures: 'Attempts that cost something, and nobody knows the price',
    format: (value) => several(value, 'attempt'),
  },
  given_up: {
    title: 'Costs were never told',
    measures: 'Attempts of the last day whose cost the upstream should know and never told',
    format: (value) => several(value, 'attempt'),
  },
  spend_jump: {
    title: 'Spending jumps',
    measures: 'What the last full hour cost, in usual hours of the week before',
    format: (value) => `${decimal(value)} times the usual`,
  },
  account_drift: {
    title: 'The ledger moves away from the upstream’s account',
    measures: 'By how much the difference between the two changed, when they were last compared',
    format: (value) => usd(value * 1e9),
  },
};

function decimal(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 3 });
}

/** An alert in words; of one that is not known here, what the API says of it. */
export function wordsOf({ name }: AlertState): Words {
  return ALERTS[name] ?? { title: name, measures: '', format: decimal };
}

/** The firing ones first, each by name. */
export function inOrder(alerts: readonly AlertState[]): AlertState[] {
  const rank = ({ state }: AlertState) => (state === 'firing' ? 0 : 1);
  return alerts.toSorted((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}
