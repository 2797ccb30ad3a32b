import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { archivedAmong, RESTORED_FOR_MS } from '../../../shared/archived.ts';
import { packArchive } from '../../../shared/ledger-archive.ts';
import {
  anywhere,
  archives,
  bucket,
  correct,
  DAY_MS,
  enter,
  freshStores,
  HOUR_MS,
  idsInLedger,
  inLedger,
  mayMove,
  move,
  moved,
  oldId,
  oldLedgers,
  rollups,
} from './old-ledger.ts';
import { NOW, withBatch } from './support.ts';

beforeEach(freshStores);

const FAULTS = ['before', 'after', 'half'] as const;
interface Fault {
  kind: (typeof FAULTS)[number];
  at: number;
}

/** Database and bucket of which the n-th call fails: before it is done, after it, or, of a transaction, in its middle. */
function suffering(fault: Fault) {
  let calls = 0;
  const suffer = async <T>(work: () => Promise<T>, half: () => Promise<T>): Promise<T> => {
    const due = calls++ === fault.at;
    if (!due) return work();
    if (fault.kind === 'before') throw new Error('something unheard of');
    if (fault.kind === 'half') return half();
    await work();
    throw new Error('something unheard of');
  };
  const DB = withBatch((statements, real) =>
    suffer(
      () => real(statements),
      () => real(statements.toSpliced(1, 0, env.DB.prepare("SELECT json('{')"))),
    ),
  );
  const LEDGER_ARCHIVE = new Proxy(bucket(), {
    get(target, name) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
      return (...args: unknown[]) => {
        const work = () => method.apply(target, args);
        return suffer(work, () => Promise.reject(new Error('something unheard of')));
      };
    },
  });
  return { DB, LEDGER_ARCHIVE };
}

describe('retention', () => {
  it('does nothing unless it has days and a bucket', async () => {
    await enter([{ ageDays: 100 }]);
    for (const days of ['0', '', 'x', '-1', '1.5']) {
      expect(await move(0, { LEDGER_RETENTION_DAYS: days })).toEqual({ off: 'LEDGER_RETENTION_DAYS is 0' });
    }
    expect(await move(0, { LEDGER_ARCHIVE: undefined as unknown as R2Bucket })).toEqual({
      off: 'no bucket is bound as LEDGER_ARCHIVE',
    });
    expect([await archives(), await idsInLedger()]).toEqual([[], [oldId(0, 100)]]);
  });

  it('stores old rows in one run, deletes them in a later one, and leaves newer rows and rollups as they were', async () => {
    const ids = await enter([{ ageDays: 60 }, { ageDays: 31 }, { ageDays: 30 }, { ageDays: 1 }]);
    const [before, sums] = [await inLedger(), await rollups()];
    expect(await move()).toMatchObject({ stored_rows: 2, stored_archives: 1, moved_rows: 0 });
    expect(await inLedger()).toEqual(before);
    expect(await move(0.1), 'too early').toMatchObject({ stored_rows: 0, moved_rows: 0 });
    expect(await move(1)).toMatchObject({ stored_rows: 0, moved_rows: 2, moved_archives: 1 });
    expect(await idsInLedger()).toEqual(ids.slice(2).sort());
    expect(await anywhere()).toEqual(before);
    expect(await rollups()).toEqual(sums);
    expect(await archives()).toMatchObject([
      { first_request_id: ids[0], last_request_id: ids[1], rows: 2, cost_nano_usd: 18_750 + 18_751, restored_at: null },
    ]);
    expect((await archives())[0]?.object).toMatch(/^ledger\/2026\/09\/25\/\S+\.ndjson\.gz$/);
    expect(await move(2)).toMatchObject({ stored_rows: 0, moved_rows: 0 });
  });

  it('moves corrections and unpriced attempts with their request, and leaves what is not finished', async () => {
    await enter([
      { ageDays: 50, attempts: ['given_up', 'unknown'], correctedDaysAgo: 40 },
      { ageDays: 50, attempts: ['given_up'], correctedDaysAgo: 1 },
      { ageDays: 50, attempts: ['given_up', 'pending'] },
      { ageDays: 50, attempts: ['no_price'] },
      { ageDays: 50, recordedDaysAgo: 0 },
    ]);
    const before = await inLedger();
    await move();
    expect(await move(1)).toMatchObject({ moved_rows: 2 });
    const { usage_logs, unpriced_attempts } = await moved();
    expect(usage_logs).toMatchObject([
      { request_id: oldId(0, 50), adjustment: '' },
      { request_id: oldId(0, 50), adjustment: 'rerated 0.1', cost_nano_usd: 727 },
    ]);
    expect(unpriced_attempts).toMatchObject([{ attempt: 0, revision: 1 }, { attempt: 1 }]);
    expect(await anywhere()).toEqual(before);
    await move(48);
    expect(await move(49), 'the one that was corrected of late and the one that came late').toMatchObject({
      moved_rows: 3,
    });
    expect(await anywhere()).toEqual(before);
  });

  it('works in bounded steps', async () => {
    const list = Array.from({ length: 2_100 }, () => ({ ageDays: 40 }));
    await enter(list);
    const before = await inLedger();
    expect(await move()).toMatchObject({ stored_rows: 2_100, stored_archives: 3 });
    expect(await move(1)).toMatchObject({ moved_rows: 2_100, moved_archives: 3 });
    expect((await archives()).map(({ rows }) => rows)).toEqual([1_000, 1_000, 100]);
    expect(await anywhere()).toEqual(before);
  });

  it('deletes nothing of a request that is corrected after it was stored, and moves it whole later', async () => {
    const [early = ''] = await enter([{ ageDays: 50, attempts: ['given_up'] }, { ageDays: 49 }]);
    await move();
    await correct(early, 0);
    const before = await inLedger();
    expect(await move(1)).toMatchObject({ moved_rows: 0, dropped_archives: 1, stored_rows: 1 });
    expect(await inLedger()).toEqual(before);
    expect(await move(2)).toMatchObject({ moved_rows: 1 });
    expect(await idsInLedger()).toEqual([early]);
    await move(48);
    expect(await move(49)).toMatchObject({ moved_rows: 2 });
    expect(await anywhere()).toEqual(before);
    expect((await bucket().list()).objects.filter(({ key }) => key.endsWith('.manifest.json'))).toHaveLength(2);
  });

  it('stores no request twice when another run stores it, with more rows, just before', async () => {
    const [id = ''] = await enter([{ ageDays: 50, attempts: ['given_up'] }, { ageDays: 49 }]);
    let meanwhile: Promise<unknown> | undefined;
    const slow = withBatch(async (statements, real) => {
      if (statements.length === 1) meanwhile ??= correct(id, 40).then(() => move());
      await meanwhile;
      return real(statements);
    });
    expect(await move(0, { DB: slow })).toMatchObject({ stored_rows: 0 });
    expect(await archives()).toMatchObject([{ rows: 3 }]);
    const before = await inLedger();
    await move(1);
    expect([await idsInLedger(), await anywhere()]).toEqual([[], before]);
  });

  it.each(['missing', 'other bytes', 'other rows'])(
    'deletes nothing whose object is not there as stored: %s',
    async (fault) => {
      await enter([{ ageDays: 50 }, { ageDays: 49 }]);
      const before = await inLedger();
      await move();
      const [{ object } = { object: '' }] = await archives();
      if (fault === 'missing') await bucket().delete(object);
      else if (fault === 'other bytes') await bucket().put(object, 'x');
      else await bucket().put(object, (await packArchive({ usage_logs: [], unpriced_attempts: [] })).bytes);
      expect(await move(1)).toMatchObject({ moved_rows: 0, dropped_archives: 1, stored_rows: 2 });
      expect(await inLedger()).toEqual(before);
      expect(await move(2)).toMatchObject({ moved_rows: 2 });
      expect(await anywhere()).toEqual(before);
    },
  );

  it('says so when D1 lacks rows that it has not deleted, and moves on with the others', async () => {
    const ids = await enter([{ ageDays: 50 }, { ageDays: 49 }]);
    await move();
    await env.DB.prepare('DELETE FROM usage_logs WHERE request_id = ?1').bind(ids[0]).run();
    const [{ object } = { object: '' }] = await archives();
    await expect(move(1)).rejects.toThrow(object);
    expect(await archives()).toMatchObject([{ object, deleted_at: null }]);
    expect(await idsInLedger()).toEqual([ids[1]]);
  });

  it('loses nothing and doubles nothing however often it crashes, and finishes', async () => {
    const faults = fc.array(fc.record({ kind: fc.constantFrom(...FAULTS), at: fc.nat({ max: 6 }) }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(oldLedgers, faults, async (list, faultList) => {
        await freshStores();
        await enter(list);
        const [before, sums] = [await inLedger(), await rollups()];
        let hours = 0;
        for (const fault of faultList) {
          await move(hours, suffering(fault)).catch((error: Error) =>
            expect(error.message).toMatch(/unheard|malformed/),
          );
          expect(await anywhere()).toEqual(before);
          hours += 0.5;
        }
        for (const later of [0, 0.5, 1]) await move(hours + later);
        expect(await anywhere()).toEqual(before);
        expect(await rollups()).toEqual(sums);
        const ids = list.map(({ ageDays }, n) => oldId(n, ageDays));
        expect(await idsInLedger()).toEqual(ids.filter((_, n) => !mayMove(list[n] ?? { ageDays: 0 })).sort());
        expect((await archives()).filter(({ deleted_at }) => deleted_at === null)).toEqual([]);
      }),
      { seed: 20261127, numRuns: 40 },
    );
  }, 60_000);

  it('loses nothing and doubles nothing when it runs several times at once, while corrections come', async () => {
    await fc.assert(
      fc.asyncProperty(oldLedgers, fc.integer({ min: 2, max: 4 }), async (list, runs) => {
        await freshStores();
        const ids = await enter(list);
        const entered = (await inLedger()).usage_logs;
        const corrected = ids[list.findIndex(({ attempts = [] }) => attempts[0] === 'given_up')];
        const atOnce = (hours: number) => Array.from({ length: runs }, () => move(hours));
        await Promise.all(atOnce(0));
        // May come too late: then there is nothing left to correct.
        const correction = corrected && correct(corrected, 0).catch(() => undefined);
        await Promise.all([correction, ...atOnce(1)]);
        const before = await anywhere();
        expect(before.usage_logs).toEqual(expect.arrayContaining(entered));
        for (const hours of [2, 3]) await Promise.all(atOnce(hours));
        expect(await anywhere()).toEqual(before);
        expect(new Set(before.usage_logs.map((row) => JSON.stringify(row))).size).toBe(before.usage_logs.length);
        const left = new Set((await inLedger()).usage_logs.map((row) => (row as { request_id: string }).request_id));
        for (const row of (await moved()).usage_logs)
          expect(left).not.toContain((row as { request_id: string }).request_id);
      }),
      { seed: 20261128, numRuns: 30 },
    );
  }, 60_000);
});

describe('archivedAmong', () => {
  it('names what an archive may hold, from before its rows leave until they are restored', async () => {
    const ids = await enter([{ ageDays: 50 }, { ageDays: 48, attempts: ['pending'] }, { ageDays: 46 }, { ageDays: 5 }]);
    const never = oldId(99, 47);
    const asked = [...ids, never, oldId(99, 51), oldId(99, 45)];
    const named = async (at = NOW) => [...(await archivedAmong(env.DB, asked, at))].sort();
    const inSpan = [ids[0], never, ids[2]].sort();
    expect(await named()).toEqual([]);
    await move();
    expect(await named(), 'about to leave').toEqual([...inSpan, ids[1]].sort());
    await move(1);
    expect(await named(), 'the one that stayed is met by the ledger').toEqual(inSpan);
    await env.DB.prepare('UPDATE ledger_archives SET restored_at = deleted_at + 1').run();
    expect(await named(NOW + DAY_MS), 'restored').toEqual([]);
    expect(await named(NOW + 2 * HOUR_MS + RESTORED_FOR_MS), 'about to leave again').toEqual(
      [...inSpan, ids[1]].sort(),
    );
    expect(await archivedAmong(env.DB, [])).toEqual(new Set());
  });
});
