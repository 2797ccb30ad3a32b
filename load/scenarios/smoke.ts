import { sleep } from 'k6';
import { embeddings, streamedChat, type Target, wholeChat } from './lib/gateway.ts';
import { optionsOf } from './lib/options.ts';
import { ownKey } from './lib/people.ts';
import { SHORT } from './lib/target.ts';

export { setup } from './lib/gateway.ts';

/** Does it work at all: a few people, each kind of request in turn. */
export const options = optionsOf({ smoke: { executor: 'constant-vus', vus: 3, duration: SHORT ? '8s' : '1m' } }, 75);

export default function smoke(target: Target): void {
  streamedChat(target, ownKey(), { chunks: 20, ttft_ms: 100, gap_ms: 20 });
  wholeChat(target, ownKey(), { chunks: 20, ttft_ms: 200, gap_ms: 0 });
  embeddings(target, ownKey(), 50);
  sleep(0.5);
}
