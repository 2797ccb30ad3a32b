import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { booksOf, booksOfLedger, events, histories, readBooks } from './histories.ts';
import {
  captureLog,
  consume,
  countOf,
  type Delivery,
  deliveries,
  freshDatabase,
  KEYS,
  OVERLOADED,
  rows,
  USAGE_QUEUE,
  withBatch,
} from './support.ts';

const FAULTS = ['none', 'before', 'after', 'overloaded before', 'overloaded after', 'statement', 'acks lost'] as const;
type Fault = { kind: (typeof FAULTS)[number]; at: number };
const faults = fc.array(fc.record({ kind: fc.constantFrom(...FAULTS), at: fc.nat({ max: 3 }) }), { maxLength: 25 });

/** A database that suffers the faults in turn, one a transaction, and is well after the last. */
function suffering(list: Fault[]): D1Database {
  return withBatch(async (statements, real) => {
    const { kind, at } =
      list[0]?.kind === 'acks lost' ? { kind: 'none', at: 0 } : (list.shift() ?? { kind: 'none', at: 0 });
    if (kind === 'statement') return real(statements.toSpliced(at, 0, env.DB.prepare("SELECT json('{')")));
    if (kind === 'before') throw new Error('D1_ERROR: something unheard of');
    if (kind === 'overloaded before') throw new Error(OVERLOADED);
    const results = await real(statements);
    if (kind === 'after') throw new Error('D1_ERROR: something unheard of');
    if (kind === 'overloaded after') throw new Error(OVERLOADED);
    return results;
  });
}

/** Delivers as a queue does, until nothing is left; the faults include its loss of acknowledgements. */
async function drain(messages: Delivery[], batchSize: number, list: Fault[]): Promise<void> {
  const db = suffering(list);
  let waiting = messages;
  for (let rounds = 0; waiting.length > 0; rounds += 1) {
    expect(rounds).toBeLessThan(500);
    const batch = waiting.slice(0, batchSize);
    const { explicitAcks, retryMessages } = await consume(USAGE_QUEUE, batch, db);
    expect(new Set([...explicitAcks, ...retryMessages.map(({ msgId }) => msgId)]).size).toBe(batch.length);
    expect(await readBooks()).toEqual(await booksOfLedger());
    const lost = list[0]?.kind === 'acks lost' && list.shift();
    const done = new Set(lost ? [] : explicitAcks);
    const again = batch.filter(({ id }) => !done.has(id)).map((one) => ({ ...one, attempts: one.attempts + 1 }));
    waiting = [...waiting.slice(batchSize), ...again];
  }
}

describe('a history of usage events', () => {
  beforeEach(() => void captureLog());

  it('gives the same ledger and rollups in any order, duplication, batching and redelivery', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async ({ events: list, batches }) => {
        await freshDatabase();
        for (const batch of batches) {
          const { explicitAcks, retryMessages } = await consume(USAGE_QUEUE, deliveries(batch));
          expect(explicitAcks).toHaveLength(batch.length);
          expect(retryMessages).toEqual([]);
        }
        expect(await readBooks()).toEqual(booksOf(list));
      }),
      { seed: 20261124, numRuns: 40 },
    );
  });

  it('gives the same ledger and rollups when batches run at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async ({ events: list, batches }) => {
        await freshDatabase();
        await Promise.all(batches.map((batch) => consume(USAGE_QUEUE, deliveries(batch))));
        expect(await readBooks()).toEqual(booksOf(list));
      }),
      { seed: 20261125, numRuns: 40 },
    );
  });

  it('gives the same ledger and rollups through crashes at any statement and lost acknowledgements', async () => {
    await fc.assert(
      fc.asyncProperty(events, fc.integer({ min: 1, max: 20 }), faults, async (list, batchSize, faultList) => {
        await freshDatabase();
        await drain(deliveries(list), batchSize, [...faultList]);
        expect(await readBooks()).toEqual(booksOf(list));
      }),
      { seed: 20261126, numRuns: 40 },
    );
  });

  it('leaves each key with the time of its latest request, in any order', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async ({ events: list, batches }) => {
        await freshDatabase();
        for (const batch of batches) await consume(USAGE_QUEUE, deliveries(batch));
        const latest = KEYS.map((id) => {
          const times = list.filter(({ key_id }) => key_id === id).map(({ created_at }) => created_at);
          return { id, last_used_at: times.length > 0 ? Math.max(...times) : null };
        });
        expect(await rows('SELECT id, last_used_at FROM api_keys ORDER BY id')).toEqual(latest);
      }),
      { seed: 20261127, numRuns: 20 },
    );
  });

  it('is written whole or not at all, wherever its transaction breaks', async () => {
    const [list = []] = fc.sample(events, { seed: 3, numRuns: 1 });
    for (const at of [0, 1, 2, 3, 4]) {
      await freshDatabase();
      const broken = withBatch((statements, real) =>
        real(statements.toSpliced(at, 0, env.DB.prepare("SELECT json('{')"))),
      );
      const { explicitAcks } = await consume(USAGE_QUEUE, deliveries(list), broken);
      expect(explicitAcks).toEqual([]);
      expect(await countOf('usage_logs')).toBe(0);
      expect(await countOf('usage_rollups_hourly')).toBe(0);
      expect(await countOf('usage_rollups_daily')).toBe(0);
    }
  });
});
