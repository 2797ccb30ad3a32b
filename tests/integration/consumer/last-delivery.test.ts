import { expect, it } from 'vitest';
import { MAX_RETRIES } from '../../../consumer-worker/dead-letters/last-delivery.ts';
import { queueRole } from '../../../consumer-worker/queue-role.ts';
import config from '../../../wrangler.consumer.toml?raw';

const CONSUMER = /^queue = "(?<queue>[\w-]+)"\n(?:max_batch_\w+ = \d+\n)+max_retries = (?<retries>\d+)\n/gm;

it('a message’s last delivery is the one that wrangler.consumer.toml says, in every environment', () => {
  const configured = [...config.matchAll(CONSUMER)].map(({ groups }) => groups as { queue: string; retries: string });
  expect(configured).toHaveLength(18);
  const checked = configured.filter(({ queue }) => MAX_RETRIES[queueRole(queue)] !== undefined);
  expect(checked).toHaveLength(6);
  for (const { queue, retries } of checked) expect(Number(retries), queue).toBe(MAX_RETRIES[queueRole(queue)]);
});
