import { optionsOf } from './lib/options.ts';
import { asPeopleDo } from './lib/people.ts';
import { SHORT } from './lib/target.ts';

export { setup } from './lib/gateway.ts';

/** A steady load for long, SOAK_DURATION: what grows with time shows here. */
export const options = optionsOf(
  {
    soak: {
      executor: 'constant-vus',
      vus: SHORT ? 10 : 60,
      duration: __ENV.SOAK_DURATION ?? (SHORT ? '15s' : '30m'),
    },
  },
  100,
);

export default asPeopleDo;
