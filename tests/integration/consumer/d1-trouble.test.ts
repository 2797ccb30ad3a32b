import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { booksOf, readBooks } from './histories.ts';
import {
  captureLog,
  consume,
  countOf,
  deliveries,
  failing,
  freshDatabase,
  OVERLOADED,
  requestId,
  USAGE_QUEUE,
  usageEvents,
  withBatch,
} from './support.ts';

const TRANSIENT = 'D1_ERROR: Network connection lost.';
let log: Record<string, unknown>[] = [];

beforeEach(async () => {
  log = captureLog();
  await freshDatabase();
});

/** The event of this number passes its schema, and the database refuses it. */
async function poison(n: number): Promise<void> {
  await env.DB.exec(
    `CREATE TRIGGER poison BEFORE INSERT ON usage_logs WHEN NEW.request_id = '${requestId(n)}' BEGIN SELECT RAISE(ABORT, 'poisoned'); END`,
  );
}

describe('D1 trouble', () => {
  afterEach(() => env.DB.exec('DROP TRIGGER IF EXISTS poison'));

  it('of the transient kind is retried at once, and the batch acknowledged', async () => {
    const { db, calls } = failing([TRANSIENT, TRANSIENT]);
    const { explicitAcks, retryMessages } = await consume(USAGE_QUEUE, deliveries(usageEvents(3)), db);
    expect(calls.count).toBe(3);
    expect(explicitAcks).toHaveLength(3);
    expect(retryMessages).toEqual([]);
    expect(await readBooks()).toEqual(booksOf(usageEvents(3)));
  });

  it('of the transient kind after a commit counts nothing twice', async () => {
    let lost = 2;
    const db = withBatch(async (statements, real) => {
      const results = await real(statements);
      if (lost-- > 0) throw new Error(TRANSIENT);
      return results;
    });
    const { explicitAcks } = await consume(USAGE_QUEUE, deliveries(usageEvents(3)), db);
    expect(explicitAcks).toHaveLength(3);
    expect(await readBooks()).toEqual(booksOf(usageEvents(3)));
  });

  it('of the transient kind that lasts gives everything back after four attempts', async () => {
    const { db, calls } = failing(Array(99).fill(TRANSIENT));
    const { explicitAcks, retryMessages } = await consume(USAGE_QUEUE, deliveries(usageEvents(3)), db);
    expect(calls.count).toBe(4);
    expect(explicitAcks).toEqual([]);
    expect(retryMessages.map(({ msgId }) => msgId)).toEqual(['m0', 'm1', 'm2']);
    expect(log).toMatchObject([{ level: 'error', written: 0, retried: 3, error: TRANSIENT }]);
  });

  it('of overload asks once and gives everything back, to rest longer with each delivery', async () => {
    const { db, calls } = failing(Array(99).fill(OVERLOADED));
    const messages = usageEvents(5).map((body, n) => ({ id: `m${n}`, body, attempts: 1 + 2 * n }));
    const { explicitAcks, retryMessages, delays } = await consume(USAGE_QUEUE, messages, db);
    expect(calls.count).toBe(1);
    expect(explicitAcks).toEqual([]);
    expect(retryMessages).toHaveLength(5);
    expect(delays).toEqual(delays.toSorted((a, b) => a - b));
    expect(new Set(delays).size).toBe(5);
    expect(await countOf('usage_logs')).toBe(0);
  });

  it('with one event gives that one back, and the others are written', async () => {
    await poison(7);
    const messages = deliveries([...usageEvents(20), 'no event'], 3);
    const { explicitAcks, retryMessages, delays } = await consume(USAGE_QUEUE, messages);
    expect(retryMessages).toEqual([{ msgId: 'm7' }]);
    expect(delays).toEqual([expect.toSatisfy((delay: number) => delay >= 6 && delay <= 8)]);
    expect(explicitAcks).toHaveLength(20);
    expect(await readBooks()).toEqual(booksOf(usageEvents(20).filter((_, n) => n !== 7)));
    expect(await countOf('dead_letters')).toBe(1);
    expect(log).toMatchObject([{ level: 'error', messages: 21, written: 19, dead_letters: 1, retried: 1 }]);
  });

  it('that turns into overload while messages are written alone gives back the rest at once', async () => {
    let calls = 0;
    const db = withBatch((statements, real) => {
      calls += 1;
      if (calls === 1) throw new Error('D1_ERROR: something unheard of');
      if (calls === 4) throw new Error(OVERLOADED);
      return real(statements);
    });
    const { explicitAcks, retryMessages } = await consume(USAGE_QUEUE, deliveries(usageEvents(6)), db);
    expect(calls).toBe(4);
    expect(explicitAcks).toEqual(['m0', 'm1']);
    expect(retryMessages.map(({ msgId }) => msgId)).toEqual(['m2', 'm3', 'm4', 'm5']);
  });
});
