import { beforeEach, describe, expect, it } from 'vitest';
import {
  captureLog,
  consume,
  countOf,
  deliveries,
  failing,
  freshDatabase,
  OVERLOADED,
  rows,
  usageEvent,
} from './support.ts';

const QUEUE = 'openai-api-analytics';
const event = { ...usageEvent(1), streamed: true, message_count: 2 };
let log: Record<string, unknown>[] = [];

beforeEach(async () => {
  log = captureLog();
  await freshDatabase();
});

describe('the analytics queue', () => {
  it('is drained to a count in the log, without D1', async () => {
    const { db, calls } = failing([]);
    const { explicitAcks } = await consume(QUEUE, deliveries([event, event, event]), db);
    expect(explicitAcks).toHaveLength(3);
    expect(calls.count).toBe(0);
    expect(log).toMatchObject([{ event: 'batch', queue: QUEUE, messages: 3, written: 3, dead_letters: 0, retried: 0 }]);
  });

  it('makes dead letters of what is no analytics event', async () => {
    const { explicitAcks } = await consume(QUEUE, deliveries([event, usageEvent(2), event]));
    expect(explicitAcks).toHaveLength(3);
    expect(await rows('SELECT id, queue, reason FROM dead_letters')).toEqual([
      { id: 'm1', queue: QUEUE, reason: expect.stringContaining('streamed') },
    ]);
    expect(log).toMatchObject([{ messages: 3, written: 2, dead_letters: 1, retried: 0 }]);
  });

  it('acknowledges nothing that D1 could not keep', async () => {
    const { db } = failing([OVERLOADED]);
    const { explicitAcks, retryMessages } = await consume(QUEUE, deliveries([event, 'no event']), db);
    expect(explicitAcks).toEqual([]);
    expect(retryMessages).toHaveLength(2);
    expect(await countOf('dead_letters')).toBe(0);
  });

  it('never touches the ledger', async () => {
    await consume(QUEUE, deliveries([event]));
    expect(await countOf('usage_logs')).toBe(0);
  });
});
