import { fail } from 'k6';
import { Counter } from 'k6/metrics';
import { limitedChat, type Target, setup as warmUp } from './lib/gateway.ts';
import { optionsOf } from './lib/options.ts';
import { asPeopleDo } from './lib/people.ts';
import { LIMITED_KEY, SHORT } from './lib/target.ts';

const DURATION = SHORT ? '12s' : '2m';

/** Requests of the limited key that were refused, and that were let in. */
const refused = new Counter('limited_refused');
const letIn = new Counter('limited_let_in');

/** One key asks far more often than it may, while others go about their business: `added_ms` is theirs alone. */
export const options = optionsOf(
  {
    limited: {
      executor: 'constant-arrival-rate',
      exec: 'limited',
      rate: 10,
      preAllocatedVUs: 10,
      maxVUs: 50,
      duration: DURATION,
    },
    others: { executor: 'constant-vus', exec: 'others', vus: SHORT ? 10 : 50, duration: DURATION },
  },
  100,
  { limited_refused: ['count>0'], limited_let_in: ['count>0'] },
);

export function setup(): Target {
  if (LIMITED_KEY === '')
    fail('Set LIMITED_API_KEY to a key of an account that 10 requests a second bring to its limit.');
  return warmUp();
}

export function limited(target: Target): void {
  if (limitedChat(target, LIMITED_KEY)) refused.add(1);
  else letIn.add(1);
}

export const others = asPeopleDo;
