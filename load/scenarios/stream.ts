import { sleep } from 'k6';
import { streamedChat, type Target } from './lib/gateway.ts';
import { addedBelow, optionsOf } from './lib/options.ts';
import { between, comeWithin, ownKey } from './lib/people.ts';
import { SHORT } from './lib/target.ts';

export { setup } from './lib/gateway.ts';

/** Long streams only: when the first byte comes, and how evenly the rest. */
export const options = optionsOf(
  { stream: { executor: 'constant-vus', vus: SHORT ? 10 : 30, duration: SHORT ? '12s' : '3m' } },
  100,
  { added_first_byte_ms: addedBelow(75), added_between_events_ms: addedBelow(1) },
);

export default function stream(target: Target): void {
  comeWithin(3_000);
  streamedChat(target, ownKey(), { chunks: SHORT ? 50 : 100, ttft_ms: between(200, 400), gap_ms: 20 });
  sleep(between(500, 1_500) / 1000);
}
