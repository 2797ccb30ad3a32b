import { setTimeout as wait } from 'node:timers/promises';
import { type Progress, progress } from '../scripts/progress.ts';
import { rollupDifference } from '../scripts/rollup-difference.ts';
import { firstIdOf } from '../shared/ids.ts';
import type { Database } from './database.ts';

/** Rows of one look at the ledger: what D1 gives at once. */
const PAGE = 5_000;
const LOOK_EVERY_MS = 2_000;
/** The queues try again within half of it. */
const PATIENCE_MS = 120_000;
const PERIODS = { hour: 3_600_000, day: 86_400_000 } as const;

/** What was seen from outside of the requests of some keys. */
export interface Told {
  /** Ids of those that were answered with 2xx, in their order, as they were written down. */
  successes: readonly string[];
  /** How many were answered with 2xx, as counted apart from that; null: nobody said. */
  counted: number | null;
  /** Of how many nobody saw how they were answered: cut off, by whom ever; null: nobody said. */
  cutOff: number | null;
  /** The time in which nothing else came by these keys, Unix ms. */
  from: number;
  to: number;
}

/** How the ledger stands to what was seen from outside. */
export interface Findings {
  /** Requests that were answered with 2xx, and whose ids were written down. */
  successes: number;
  /** By how many these differ from those counted; null: nobody counted. */
  unlogged: number | null;
  /** Of the successes, those without a row of their own in the ledger. */
  missing: string[];
  /** Rows of successes, of the same keys and within the time, of which no such answer was told. */
  surplus: string[];
  /** How many of these, at least, no request accounts for; null: each may be that of one cut off or not written down. */
  doubled: number | null;
  /** Rows of the rollups of these accounts, in the hours and days concerned, that are not the sum of the ledger's. */
  rollupMismatches: number;
}

/** How long is waited. */
interface Patience {
  /** ms; so long nothing new comes before the rest is taken for lost. */
  patienceMs?: number;
  /** Ends the waiting: what is there then is compared. */
  signal?: AbortSignal | undefined;
}

interface Row {
  request_id: string;
  user_id: string;
  key_id: string;
  status: number;
}

/** Successes that the ledger is not known to have: without a row, or without an id to look for. */
export function ledgerMissing({ missing, unlogged }: Findings): number {
  return missing.length + (unlogged ?? 0);
}

/**
 * Waits until the queues have brought everything, at most while more is coming, and compares. Corrections of a
 * request are looked at as part of the rollups only: whether they bill it twice is not asked.
 *
 * @throws Error of one line when there was no success.
 */
export async function auditLedger(
  database: Database,
  told: Told,
  { patienceMs = PATIENCE_MS, signal }: Patience = {},
): Promise<Findings> {
  const { successes, counted, cutOff } = told;
  if (successes.length === 0 && !counted) throw new Error('There was no success to look for in the ledger.');
  const shown = progress('in the ledger', successes.length);
  try {
    await untilArrived(database, successes, patienceMs, shown, signal);
    // What comes too much comes as late as the rest.
    await passed(told.to - Date.now(), signal);
  } finally {
    shown.end();
  }
  const rows = rowsBetween(database, firstIdOf(told.from), firstIdOf(told.to));
  const { missing, surplus } = compare(successes, rows);
  const unlogged = counted === null ? null : Math.abs(counted - successes.length);
  return {
    successes: successes.length,
    unlogged,
    missing,
    surplus,
    doubled: doubledOf(surplus.length, counted, cutOff, successes.length),
    rollupMismatches: rollupMismatches(database, rows, told.from, told.to),
  };
}

/** A row too much may be that of a request that was cut off, or whose id was not written down. */
function doubledOf(surplus: number, counted: number | null, cutOff: number | null, logged: number): number | null {
  if (surplus === 0) return 0;
  if (counted === null || cutOff === null) return null;
  const unaccounted = surplus - cutOff - Math.max(counted - logged, 0);
  if (unaccounted > 0) return unaccounted;
  return null;
}

/** @returns whether the time has passed, and nobody ended the waiting. */
async function passed(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  await wait(Math.max(ms, 0), undefined, { signal }).catch(() => null);
  return signal?.aborted !== true;
}

/** Each look begins at the first that was still missing. */
async function untilArrived(
  database: Database,
  successes: readonly string[],
  patienceMs: number,
  shown: Progress,
  signal: AbortSignal | undefined,
): Promise<void> {
  let missing = successes;
  for (let newAt = Date.now(); ; ) {
    const [first = '', last = ''] = [missing[0], missing.at(-1)];
    const found = new Set(rowsBetween(database, first, last).map(({ request_id }) => request_id));
    const still = missing.filter((id) => !found.has(id));
    if (still.length < missing.length) {
      shown.advance(missing.length - still.length);
      newAt = Date.now();
    }
    if (still.length === 0 || Date.now() - newAt >= patienceMs) return;
    missing = still;
    if (!(await passed(LOOK_EVERY_MS, signal))) return;
  }
}

/** The own rows of requests from one id to another, or to where one begins: UUIDv7s are in the order of time. */
function rowsBetween(database: Database, first: string, last: string): Row[] {
  const rows: Row[] = [];
  for (let from = `>= '${first}'`; ; ) {
    const page = database.all<Row>(`
      SELECT request_id, user_id, key_id, status FROM usage_logs
       WHERE request_id ${from} AND request_id <= '${last}' AND adjustment = ''
       ORDER BY request_id LIMIT ${PAGE}`);
    rows.push(...page);
    if (page.length < PAGE) return rows;
    from = `> '${page.at(-1)?.request_id}'`;
  }
}

function compare(successes: readonly string[], rows: readonly Row[]): Pick<Findings, 'missing' | 'surplus'> {
  const expected = new Set(successes);
  const found = new Set(rows.map(({ request_id }) => request_id));
  const keys = new Set(rows.flatMap(({ request_id, key_id }) => (expected.has(request_id) ? [key_id] : [])));
  const surplus = rows.filter(
    ({ request_id, key_id, status }) => keys.has(key_id) && !expected.has(request_id) && status < 300,
  );
  return {
    // Of two answers under one id, one has no row of its own.
    missing: successes.filter((id, n) => !found.has(id) || successes[n - 1] === id),
    surplus: surplus.map(({ request_id }) => request_id),
  };
}

function rollupMismatches(database: Database, rows: readonly Row[], from: number, to: number): number {
  const users = [...new Set(rows.map(({ user_id }) => user_id))];
  if (users.length === 0) return 0;
  const mismatches = (['hour', 'day'] as const).map((period) => {
    const ms = PERIODS[period];
    const part = { users, from: from - (from % ms), to: to - (to % ms) + ms };
    const [row] = database.all<{ n: number }>(`SELECT (${rollupDifference(period, part)}) AS n`);
    return row?.n ?? 0;
  });
  return mismatches.reduce((sum, n) => sum + n, 0);
}
