import type { Findings } from './findings.ts';
import { LIMITS } from './list-prices.ts';

const DAY_SECONDS = 86_400;
/** The shortest LEDGER_RETENTION_DAYS that makes sense: a month's budgets look at the ledger. */
const RETENTION_DAYS = 32;
/** Of consumer-worker/retention: archives an hourly run stores, requests in each. */
const MOVED_AN_HOUR = 80 * 1_000;

/** Something that has an end. */
export interface Limit {
  what: string;
  /** At so many requests a second: at least, and at most, if that depends on the requests. */
  at: readonly [least: number, most: number];
  /** How that comes about. */
  because: string;
  /** What moves it, and to where. */
  step: string;
}

/** What ends first, the first one first. */
export function limitsOf({ kinds, busy, spread, measured: { ledger, cores } }: Findings): Limit[] {
  const stream = kinds.get('**stream**') ?? {};
  const calls = stream.do_requests ?? Number.NaN;
  const [fewest, most] = [LIMITS.d1Bytes / spread.bytes, LIMITS.d1Bytes / busy.bytes];
  const room = (databases: number): Limit['at'] => [
    (databases * fewest) / (RETENTION_DAYS * DAY_SECONDS),
    (databases * most) / (RETENTION_DAYS * DAY_SECONDS),
  ];
  const limits: Limit[] = [
    {
      what: 'Room in D1',
      at: room(1),
      because: `10 GB a database. A request leaves ${Math.round(busy.bytes)} bytes in the ledger, for ${RETENTION_DAYS} days, and up to ${Math.round(spread.bytes - busy.bytes)} in the rollups, for good, if it is the only one of its account, key and model in its hour. Rollups are never thinned, so retention does not bound them: if all requests are such, the lower rate fills the database in ${RETENTION_DAYS} days and does not end there; if none is, the upper one keeps it just full. Without retention it is full after ${millions(fewest)} to ${millions(most)} million requests`,
      step: `the ledger in N databases by account: ${perSecond(room(10))} with 10, ${perSecond(room(100))} with 100. All of it is by account already; only reports over all accounts would have to add up`,
    },
    {
      what: 'Retention',
      at: always(MOVED_AN_HOUR / 3_600),
      because: `an hourly run moves up to ${MOVED_AN_HOUR.toLocaleString('en')} requests; what is more stays for the next`,
      step: 'a run for each of the N databases; or runs more often',
    },
    {
      what: 'An account’s Durable Object',
      at: always(LIMITS.objectRequestsPerSecond / calls),
      because: `about ${LIMITS.objectRequestsPerSecond.toLocaleString('en')} calls a second, ${calls} a request. Of one account: others have their own`,
      step: 'the account’s limits shared out among K objects, which lend each other what they do not use: K times as much',
    },
    {
      what: 'A queue',
      at: always(LIMITS.queueMessagesPerSecond),
      because: `${LIMITS.queueMessagesPerSecond.toLocaleString('en')} messages a second; usage and analytics have one each, and each gets one message a request. Usage that is refused goes straight to D1, or waits in the account’s object`,
      step: 'N queues by account: N times as much',
    },
    {
      what: 'Writing to D1',
      at: always(ledger.eventsPerSecond),
      because: `one query at a time, so one batch of 100 after the other; \`npm run bench:ledger\` measured it with ${ledger.rows.toLocaleString('en')} rows present, locally, on a machine with ${cores} cores. What comes faster waits in the queue, up to four days`,
      step: 'the N databases above',
    },
  ];
  return limits.sort((a, b) => a.at[0] - b.at[0]);
}

/** `11/s`, or `4 to 11/s` */
export function perSecond([least, most]: Limit['at']): string {
  return least === most ? `${rounded(least)}/s` : `${rounded(least)} to ${rounded(most)}/s`;
}

function always(load: number): Limit['at'] {
  return [load, load];
}

function rounded(load: number): string {
  return load < 100 ? load.toFixed(0) : (Math.round(load / 10) * 10).toLocaleString('en');
}

function millions(requests: number): string {
  return (requests / 1e6).toFixed(0);
}
