import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { expect } from 'vitest';
import { moveOldRows } from '../../../consumer-worker/retention/move-old-rows.ts';
import { type AttemptRow, adjustmentStatements, type Correction } from '../../../shared/adjustments.ts';
import { firstIdOf } from '../../../shared/ids.ts';
import { ledgerStatements } from '../../../shared/ledger.ts';
import { type ArchivedRow, type LedgerArchive, manifestKey } from '../../../shared/ledger-archive.ts';
import type { Billed } from '../../../shared/pricing.ts';
import { readArchive } from '../../../shared/read-archive.ts';
import { freshDatabase, NOW, rows, usageEvent } from './support.ts';

export const DAY_MS = 86_400_000;
export const HOUR_MS = 3_600_000;
const RETENTION_DAYS = 30;

/** A request as tests enter it: when it came, when its rows were written, and what its attempts are like. */
export interface Old {
  ageDays: number;
  /** Of its own row, and of its correction, if it has one. */
  recordedDaysAgo?: number;
  correctedDaysAgo?: number;
  attempts?: readonly ('pending' | 'no_price' | 'given_up' | 'unknown')[];
  cost?: number;
}

/** The id of the n-th request, which came so many days before NOW. */
export function oldId(n: number, ageDays: number): string {
  return `${firstIdOf(NOW - ageDays * DAY_MS)}-7000-8000-${n.toString(16).padStart(12, '0')}`;
}

const correction = (from: AttemptRow, cost: number): Correction => ({
  from,
  by: 'rerated',
  to: { ...from, cost_nano_usd: cost, state: from.state, usage_source: 'estimated' },
});

/** Enters requests as billing does; returns their ids. */
export async function enter(list: readonly Old[]): Promise<string[]> {
  const together = Map.groupBy(list.entries(), ([, old]) => old.recordedDaysAgo ?? old.ageDays);
  for (const [daysAgo, requests] of together) {
    const billedOnes = requests.map(([n, old]) => billed(n, old));
    await env.DB.batch(ledgerStatements(env.DB, billedOnes, NOW - daysAgo * DAY_MS));
  }
  for (const [n, { ageDays, correctedDaysAgo }] of list.entries()) {
    if (correctedDaysAgo !== undefined) await correct(oldId(n, ageDays), correctedDaysAgo);
  }
  return list.map(({ ageDays }, n) => oldId(n, ageDays));
}

/** Corrects the first attempt of a request. */
export async function correct(id: string, daysAgo: number): Promise<void> {
  const attempt = await env.DB.prepare('SELECT * FROM unpriced_attempts WHERE request_id = ?1').bind(id).first();
  if (!attempt) throw new Error('no attempt to correct');
  const from = attempt as unknown as AttemptRow;
  await env.DB.batch(adjustmentStatements(env.DB, [correction(from, 777)], NOW - daysAgo * DAY_MS));
}

function billed(n: number, { ageDays, attempts = [], cost }: Old): Billed {
  const { unpriced: _, ...event } = usageEvent(n, {
    request_id: oldId(n, ageDays),
    created_at: NOW - ageDays * DAY_MS,
    cost_nano_usd: cost ?? 18_750 + n,
    provider: n % 3 === 0 ? null : `Prövider "${n}"\n`,
    unpriced_attempts: attempts.length,
  });
  return {
    event,
    attempts: attempts.map((state) => ({
      model: 'a/model',
      generation_id: null,
      usage_source: 'estimated',
      input_tokens: state === 'unknown' ? null : 10,
      output_tokens: state === 'unknown' ? null : 5,
      cached_tokens: null,
      cache_write_tokens: null,
      reasoning_tokens: null,
      images: 0,
      relayed: 1,
      cost_nano_usd: state === 'given_up' ? 50 : null,
      state: state === 'unknown' ? 'given_up' : state,
    })),
  };
}

const age = fc.integer({ min: 1, max: 60 });

/** Requests of all ages, corrected or not, finished or not. */
export const oldLedgers: fc.Arbitrary<Old[]> = fc.array(
  fc
    .record({
      ageDays: age,
      attempts: fc.array(fc.constantFrom('pending', 'no_price', 'given_up', 'unknown'), { maxLength: 2 }),
    })
    .chain((old) =>
      fc.record({
        ...{ ageDays: fc.constant(old.ageDays), attempts: fc.constant(old.attempts) },
        recordedDaysAgo: fc.integer({ min: 0, max: old.ageDays }),
        correctedDaysAgo:
          old.attempts.length > 0
            ? fc.option(fc.integer({ min: 0, max: old.ageDays }), { nil: undefined })
            : fc.constant(undefined),
      }),
    ) as fc.Arbitrary<Old>,
  { minLength: 1, maxLength: 25 },
);

/** The database and the bucket without anything of an earlier test. */
export async function freshStores(): Promise<void> {
  await freshDatabase();
  await env.DB.batch(['ledger_archives', 'unpriced_attempts'].map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
  const { objects } = await bucket().list();
  if (objects.length > 0) await bucket().delete(objects.map(({ key }) => key));
}

export function bucket(): R2Bucket {
  if (!env.LEDGER_ARCHIVE) throw new Error('LEDGER_ARCHIVE is not bound');
  return env.LEDGER_ARCHIVE;
}

/** The job, so many hours after NOW. */
export function move(
  hours = 0,
  changes: { DB?: D1Database; LEDGER_ARCHIVE?: R2Bucket; LEDGER_RETENTION_DAYS?: string } = {},
) {
  const settings = { LEDGER_RETENTION_DAYS: String(RETENTION_DAYS), ...changes };
  return moveOldRows({ ...env, ...settings } as Parameters<typeof moveOldRows>[0], NOW + hours * HOUR_MS);
}

export const archives = () => rows<LedgerArchive>('SELECT * FROM ledger_archives ORDER BY object');

type Kept = Record<'usage_logs' | 'unpriced_attempts', unknown[]>;
const byKey = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** What D1 holds. */
export async function inLedger(): Promise<Kept> {
  const list = await rows<ArchivedRow>('SELECT * FROM usage_logs');
  return {
    usage_logs: list.map(({ cost: _generated, ...row }) => row).sort(byKey),
    unpriced_attempts: (await rows('SELECT * FROM unpriced_attempts')).sort(byKey),
  };
}

/** What has left D1, by the archives that say so; each must be whole, and explained by its manifest. */
export async function moved(): Promise<Kept> {
  const kept: Kept = { usage_logs: [], unpriced_attempts: [] };
  for (const archive of await archives()) {
    if (archive.deleted_at === null) continue;
    const stored = await readArchive(bucket(), archive);
    expect(stored?.usage_logs.length).toBe(archive.rows);
    const manifest = await (await bucket().get(manifestKey(archive.object)))?.json<Record<string, unknown>>();
    const { object, sha256, first_request_id, last_request_id, rows, cost_nano_usd } = archive;
    expect(manifest).toMatchObject({ object, sha256, first_request_id, last_request_id, rows, cost_nano_usd });
    kept.usage_logs.push(...(stored?.usage_logs ?? []));
    kept.unpriced_attempts.push(...(stored?.unpriced_attempts ?? []));
  }
  return { usage_logs: kept.usage_logs.sort(byKey), unpriced_attempts: kept.unpriced_attempts.sort(byKey) };
}

/** Both together: must be what was there before, each row once. */
export async function anywhere(): Promise<Kept> {
  const [here, there] = [await inLedger(), await moved()];
  return {
    usage_logs: [...here.usage_logs, ...there.usage_logs].sort(byKey),
    unpriced_attempts: [...here.unpriced_attempts, ...there.unpriced_attempts].sort(byKey),
  };
}

export const rollups = () =>
  Promise.all(
    ['usage_rollups_hourly', 'usage_rollups_daily', 'usage_latency_hourly'].map((table) =>
      rows(`SELECT * FROM ${table}`),
    ),
  );

/** Ids of the requests in the ledger. */
export async function idsInLedger(): Promise<string[]> {
  const list = await rows<{ request_id: string }>('SELECT DISTINCT request_id FROM usage_logs ORDER BY 1');
  return list.map(({ request_id }) => request_id);
}

/** Whether retention may move a request at NOW, said another way than in SQL. */
export function mayMove({ ageDays, recordedDaysAgo = ageDays, correctedDaysAgo, attempts = [] }: Old): boolean {
  const midnight = NOW - (NOW % DAY_MS);
  const lastWritten = NOW - Math.min(recordedDaysAgo, correctedDaysAgo ?? recordedDaysAgo) * DAY_MS;
  // The first attempt's correction is what gives it a price.
  const open = attempts.filter(
    (state, n) => state === 'pending' || (state === 'no_price' && !(n === 0 && correctedDaysAgo !== undefined)),
  );
  return (
    NOW - ageDays * DAY_MS < midnight - RETENTION_DAYS * DAY_MS && lastWritten < midnight - DAY_MS && open.length === 0
  );
}
