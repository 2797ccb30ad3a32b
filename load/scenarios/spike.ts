import { optionsOf } from './lib/options.ts';
import { askAndRead } from './lib/people.ts';
import { SHORT } from './lib/target.ts';

export { setup } from './lib/gateway.ts';

const STAGES = [
  { duration: '30s', target: 10 },
  { duration: '2s', target: 150 },
  { duration: '1m', target: 150 },
  { duration: '2s', target: 10 },
  { duration: '30s', target: 10 },
];

const SHORT_STAGES = [
  { duration: '3s', target: 2 },
  { duration: '1s', target: 40 },
  { duration: '6s', target: 40 },
  { duration: '1s', target: 2 },
  { duration: '3s', target: 2 },
];

/** All come at once, and go again. */
export const options = optionsOf(
  { spike: { executor: 'ramping-vus', startVUs: SHORT ? 2 : 10, stages: SHORT ? SHORT_STAGES : STAGES } },
  300,
);

export default askAndRead;
