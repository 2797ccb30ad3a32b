import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { moveOldRows } from '../../../consumer-worker/retention/move-old-rows.ts';
import { type AttemptRow, adjustmentStatements } from '../../../shared/adjustments.ts';
import { archivedAmong } from '../../../shared/archived.ts';
import { firstIdOf } from '../../../shared/ids.ts';
import { ledgerStatements } from '../../../shared/ledger.ts';
import type { LedgerArchive } from '../../../shared/ledger-archive.ts';
import { billedBy } from '../../../shared/pricing.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { applySchema, call, createKey, env, errorOf, post } from './support.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW = Date.now();
const COUNT = 1_050;

let admin: string;
beforeAll(async () => {
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
  await applySchema();
  admin = await createKey('operator', { permissions: ['admin'] });
});

const bucket = () => {
  if (!env.LEDGER_ARCHIVE) throw new Error('LEDGER_ARCHIVE is not bound');
  return env.LEDGER_ARCHIVE;
};
const rows = async <T = Record<string, unknown>>(sql: string) => (await env.DB.prepare(sql).all<T>()).results;
const idOf = (n: number) => `${firstIdOf(NOW - 50 * DAY_MS + n)}-7000-8000-${n.toString(16).padStart(12, '0')}`;
const ledger = async () => ({
  usage_logs: await rows('SELECT * FROM usage_logs ORDER BY request_id, adjustment'),
  unpriced_attempts: await rows('SELECT * FROM unpriced_attempts ORDER BY request_id, attempt'),
});
const rollups = () => rows('SELECT * FROM usage_rollups_hourly ORDER BY 1, 2, 3, 4');
const archives = () => rows<LedgerArchive>('SELECT * FROM ledger_archives ORDER BY object');
const move = (days: number) => {
  type Job = typeof moveOldRows;
  return moveOldRows({ ...env, LEDGER_RETENTION_DAYS: '30' } as unknown as Parameters<Job>[0], NOW + days * DAY_MS);
};
const list = async (query = '') => JSON.parse((await call(`/admin/ledger-archives${query}`, { key: admin })).text);
const restore = (object: string, body: unknown = {}, changed = {}) =>
  post(`/admin/ledger-archives/${encodeURIComponent(object)}/restore`, admin, body, {}, changed);

/** Requests with every kind of text in them, one of them with an attempt and its correction, moved out in two archives. */
async function moveRequests(): Promise<void> {
  const events = Array.from({ length: COUNT }, (_, n) =>
    usageEvent({
      ...{ request_id: idOf(n), created_at: NOW - 50 * DAY_MS + n, cost_nano_usd: n % 7 === 0 ? null : n },
      ...{ provider: `"Prö\\vider\n${n}`, ttft_ms: n % 2 === 0 ? null : n, extra_cost_nano_usd: 0 },
      unpriced: n > 0 ? [] : [attempt],
    }),
  );
  await env.DB.batch(
    ledgerStatements(
      env.DB,
      events.map((event) => billedBy(event)),
      NOW - 50 * DAY_MS,
    ),
  );
  await correct(NOW - 40 * DAY_MS);
}

const attempt = {
  ...{ model: 'a/model', generation_id: null, usage_source: 'estimated' as const, images: 0, relayed: true },
  ...{ input_tokens: 7, output_tokens: 1, cached_tokens: null, cache_write_tokens: null, reasoning_tokens: null },
};

async function correct(at: number): Promise<void> {
  const [from] = await rows<AttemptRow>('SELECT * FROM unpriced_attempts');
  if (!from) throw new Error('no attempt');
  const to = { ...from, cost_nano_usd: (from.cost_nano_usd ?? 0) + 9, usage_source: 'estimated' as const };
  await env.DB.batch(adjustmentStatements(env.DB, [{ from, by: 'rerated', to }], at));
}

beforeEach(async () => {
  const tables = ['usage_logs', 'unpriced_attempts', 'usage_rollups_hourly', 'ledger_archives', 'audit_log'];
  await env.DB.batch(tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
  await moveRequests();
});

describe('archives of the ledger', () => {
  it('are listed page by page, and by a request that they may hold', async () => {
    await move(0);
    expect((await list()).data.map(({ state }: { state: string }) => state)).toEqual(['stored', 'stored']);
    await move(1);
    const first = await list('?limit=1');
    const second = await list(`?limit=1&after=${encodeURIComponent(first.last_id)}`);
    expect(first).toMatchObject({ has_more: true, data: [{ object: 'ledger.archive', state: 'moved', rows: 1_001 }] });
    expect(second).toMatchObject({ has_more: false, data: [{ rows: 50, first_request_id: idOf(1_000) }] });
    expect((await list(`?request_id=${idOf(1_020)}`)).data).toEqual(second.data);
    expect((await list(`?request_id=${idOf(5_000)}`)).data).toEqual([]);
  });

  it('give back every row as it was, for a week, and leave the rollups alone', async () => {
    const [before, sums] = [await ledger(), await rollups()];
    await move(0);
    await move(1);
    expect(await ledger()).toEqual({ usage_logs: [], unpriced_attempts: [] });
    for (const { object } of await archives()) {
      const answer = await restore(object);
      expect(answer.status).toBe(200);
      const { state, restored_at, restored_until } = JSON.parse(answer.text);
      expect([state, restored_until - restored_at]).toEqual(['restored', 7 * 86_400]);
    }
    expect(await ledger()).toEqual(before);
    expect(await rollups()).toEqual(sums);
    expect(await archivedAmong(env.DB, [idOf(5), idOf(1_020)], NOW + 2 * DAY_MS)).toEqual(new Set());
    expect(await move(7), 'a week from the restoration, which follows the day on which they left').toMatchObject({
      moved_rows: 0,
      stored_rows: 0,
    });
    expect(await ledger()).toEqual(before);
    expect(await move(9)).toMatchObject({ moved_rows: COUNT + 1, stored_rows: 0, dropped_archives: 0 });
    expect(await ledger()).toEqual({ usage_logs: [], unpriced_attempts: [] });
    expect(await rollups()).toEqual(sums);
    expect(await archives()).toHaveLength(2);
  });

  it('may be restored again, and by several at once', async () => {
    const before = await ledger();
    await move(0);
    await move(1);
    const objects = (await archives()).map(({ object }) => object);
    const answers = await Promise.all([...objects, ...objects].map((object) => restore(object)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await restore(objects[0] ?? '')).status).toBe(200);
    expect(await ledger()).toEqual(before);
  });

  it('that were corrected while restored are stored anew, their requests whole', async () => {
    await move(0);
    await move(1);
    for (const { object } of await archives()) await restore(object);
    await correct(NOW + 2 * DAY_MS);
    const before = await ledger();
    expect(await move(12)).toMatchObject({ dropped_archives: 1, moved_archives: 1, stored_archives: 1 });
    expect(await move(13)).toMatchObject({ moved_archives: 1 });
    expect(await ledger()).toEqual({ usage_logs: [], unpriced_attempts: [] });
    expect((await archives()).map(({ rows }) => rows)).toEqual([1_002, 50]);
    for (const { object } of await archives()) await restore(object);
    expect(await ledger()).toEqual(before);
  });

  it('have every restoration in the audit log', async () => {
    await move(0);
    await move(1);
    const [{ object } = { object: '' }] = await archives();
    await restore(object);
    const log = await call(`/admin/audit-log?target=${encodeURIComponent(object)}`, { key: admin });
    expect(JSON.parse(log.text).data).toMatchObject([
      { action: 'ledger.restore', target: object, changes: { rows: 1_001 }, actor_user_id: 'operator' },
    ]);
  });

  it('are not restored from a bucket that lacks them, was changed, fails or is not bound', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    await move(0);
    const [{ object } = { object: '' }] = await archives();
    const stored = await restore(object);
    expect([stored.status, errorOf(stored).code]).toEqual([409, 'archive_not_moved']);
    await move(1);
    const unbound = await restore(object, {}, { LEDGER_ARCHIVE: undefined });
    expect([unbound.status, errorOf(unbound).code]).toEqual([400, 'ledger_archive_not_bound']);
    const down = { get: () => Promise.reject(new Error('R2 is down')) };
    expect((await restore(object, {}, { LEDGER_ARCHIVE: down })).status).toBe(503);
    await bucket().put(object, 'changed');
    expect(errorOf(await restore(object)).code).toBe('archive_damaged');
    await bucket().delete(object);
    expect(errorOf(await restore(object)).code).toBe('archive_damaged');
    expect(errorOf(await restore('ledger/nothing.ndjson.gz')).code).toBe('archive_not_found');
    expect(errorOf(await restore(object, { force: true })).code).toBe('unknown_parameter');
    expect(await ledger()).toEqual({ usage_logs: [], unpriced_attempts: [] });
    expect((await archives()).every(({ restored_at }) => restored_at === null)).toBe(true);
  });
});
