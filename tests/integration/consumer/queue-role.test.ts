import { expect, it } from 'vitest';
import { queueRole } from '../../../consumer-worker/queue-role.ts';

it.each([
  ['openai-api-usage', 'usage'],
  ['openai-api-usage-staging', 'usage'],
  ['openai-api-usage-production', 'usage'],
  ['openai-api-usage-dead-letters', 'dead-letters'],
  ['openai-api-usage-dead-letters-staging', 'dead-letters'],
  ['openai-api-analytics', 'analytics'],
  ['openai-api-analytics-production', 'analytics'],
  ['openai-api-analytics-dead-letters-production', 'dead-letters'],
  ['openai-api-usages', 'unknown'],
  ['openai-api', 'unknown'],
  ['another-usage', 'unknown'],
  ['', 'unknown'],
])('the queue named %j has the role %s', (name, role) => {
  expect(queueRole(name)).toBe(role);
});
