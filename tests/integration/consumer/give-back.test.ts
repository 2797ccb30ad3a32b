import { describe, expect, it } from 'vitest';
import { restSeconds } from '../../../consumer-worker/give-back.ts';

const QUEUE = 'openai-api-usage-staging';
/** Queues whose messages wait as long as a queue keeps them. */
const PATIENT = ['openai-api-analytics-staging', 'openai-api-usage-dead-letters-staging'];
const FOUR_DAYS = 4 * 86_400;

const rests = (queue: string, count: number, random: number) =>
  Array.from({ length: count }, (_, n) => restSeconds(queue, n + 1, () => random));

describe('the rest of a message given back', () => {
  it('doubles with each delivery up to a quarter of an hour', () => {
    expect(rests(QUEUE, 12, 0)).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
  });

  it.each(PATIENT)('doubles up to an hour and a half in %s', (queue) => {
    expect(rests(queue, 15, 0).slice(8)).toEqual([512, 1024, 2048, 4096, 5400, 5400, 5400]);
  });

  it.each(PATIENT)(
    'lets 100 retries outlast the four days that a queue keeps a message, by any chance: %s',
    (queue) => {
      expect(rests(queue, 100, 1).reduce((sum, rest) => sum + rest)).toBeGreaterThan(FOUR_DAYS);
    },
  );

  it('is shortened by chance by at most a quarter, and is whole seconds, never none', () => {
    expect(restSeconds(QUEUE, 5, () => 0.5)).toBe(28);
    expect(restSeconds(QUEUE, 5, () => 1)).toBe(24);
    expect(restSeconds(QUEUE, 1, () => 1)).toBe(2);
  });

  it('stays finite for any number of deliveries', () => {
    expect(restSeconds(QUEUE, 1e6, () => 0)).toBe(900);
    expect(restSeconds(QUEUE, 0, () => 0)).toBe(1);
  });
});
