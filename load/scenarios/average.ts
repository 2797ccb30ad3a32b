import { optionsOf } from './lib/options.ts';
import { asPeopleDo } from './lib/people.ts';
import { SHORT } from './lib/target.ts';

export { setup } from './lib/gateway.ts';

const STAGES = [
  { duration: '2m', target: 100 },
  { duration: '5m', target: 100 },
  { duration: '2m', target: 200 },
  { duration: '5m', target: 200 },
  { duration: '2m', target: 0 },
];

const SHORT_STAGES = [
  { duration: '3s', target: 10 },
  { duration: '5s', target: 10 },
  { duration: '3s', target: 20 },
  { duration: '5s', target: 20 },
  { duration: '2s', target: 0 },
];

/** A day's ordinary load, up to 200 people at once. */
export const options = optionsOf(
  { average: { executor: 'ramping-vus', startVUs: 0, stages: SHORT ? SHORT_STAGES : STAGES } },
  100,
);

export default asPeopleDo;
