import type { Findings } from './findings.ts';
import { LIMITS } from './list-prices.ts';
import { MEASURED } from './measured.ts';

const DAY_SECONDS = 86_400;
/** The shortest LEDGER_RETENTION_DAYS that makes sense: a month's budgets look at the ledger. */
const RETENTION_DAYS = 32;
/** Of consumer-worker/retention: archives an hourly run stores, requests in each. */
const MOVED_AN_HOUR = 80 * 1_000;

/** Something that has an end. */
export interface Limit {
  what: string;
  /** At so many requests a second; null: a benchmark must say. */
  at: number | null;
  /** How that comes about. */
  because: string;
  /** What moves it, and to where. */
  step: string;
}

/** What ends first, the first one first. */
export function limitsOf({ kinds, busy }: Findings): Limit[] {
  const stream = kinds.get('**stream**') ?? {};
  const calls = stream.do_requests ?? Number.NaN;
  const kept = LIMITS.d1Bytes / busy.bytes;
  const storage = kept / (RETENTION_DAYS * DAY_SECONDS);
  const limits: Limit[] = [
    {
      what: 'Room in D1',
      at: storage,
      because: `10 GB a database, ${Math.round(busy.bytes)} bytes a request in the ledger, kept for ${RETENTION_DAYS} days; without retention it is full after ${millions(kept)} million requests`,
      step: `the ledger in N databases by account: ${perSecond(10 * storage)} with 10, ${perSecond(100 * storage)} with 100. All of it is by account already; only reports over all accounts would have to add up`,
    },
    {
      what: 'Retention',
      at: MOVED_AN_HOUR / 3_600,
      because: `an hourly run moves up to ${MOVED_AN_HOUR.toLocaleString('en')} requests; what is more stays for the next`,
      step: 'a run for each of the N databases; or runs more often',
    },
    {
      what: 'An account’s Durable Object',
      at: LIMITS.objectRequestsPerSecond / calls,
      because: `about ${LIMITS.objectRequestsPerSecond.toLocaleString('en')} calls a second, ${calls} a request. Of one account: others have their own`,
      step: 'the account’s limits shared out among K objects, which lend each other what they do not use: K times as much',
    },
    {
      what: 'A queue',
      at: LIMITS.queueMessagesPerSecond,
      because: `${LIMITS.queueMessagesPerSecond.toLocaleString('en')} messages a second; usage and analytics have one each, and each gets one message a request. Usage that is refused goes straight to D1, or waits in the account’s object`,
      step: 'N queues by account: N times as much',
    },
    {
      what: 'Writing to D1',
      at: MEASURED.ledgerEventsPerSecond,
      because:
        'one query at a time, so one batch of 100 after the other; `npm run bench:ledger` measures it, locally. What comes faster waits in the queue, up to four days',
      step: 'the N databases above',
    },
  ];
  return limits.sort((a, b) => (a.at ?? Number.POSITIVE_INFINITY) - (b.at ?? Number.POSITIVE_INFINITY));
}

/** `11/s` */
export function perSecond(load: number): string {
  return `${load < 100 ? Math.round(load) : (Math.round(load / 10) * 10).toLocaleString('en')}/s`;
}

function millions(requests: number): string {
  return (requests / 1e6).toFixed(0);
}
