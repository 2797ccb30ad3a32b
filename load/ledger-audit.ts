import { setTimeout as wait } from 'node:timers/promises';
import { type Progress, progress } from '../scripts/progress.ts';
import { rollupDifference } from '../scripts/rollup-difference.ts';
import type { Database } from './database.ts';

/** Rows of one look at the ledger: what D1 gives at once. */
const PAGE = 5_000;
const LOOK_EVERY_MS = 2_000;
/** So long nothing new comes before the rest is taken for lost: the queues try again within half of it. */
const PATIENCE_MS = 120_000;
const PERIODS = { hour: 3_600_000, day: 86_400_000 } as const;

/** How the ledger stands to what was seen from outside. */
export interface Findings {
  /** Requests that were answered with 2xx. */
  successes: number;
  /** Of these, those without a row of their own in the ledger. */
  missing: string[];
  /** Rows of successes, of the same keys and the same time, for which there was no such answer, or another row. */
  doubled: string[];
  /** Rows of the rollups of these accounts, in the hours and days concerned, that are not the sum of the ledger's. */
  rollupMismatches: number;
}

interface Row {
  request_id: string;
  user_id: string;
  key_id: string;
  status: number;
}

/**
 * Waits until the queues have brought everything, at most while more is coming, and compares.
 *
 * @param successes ids of the requests that were answered with 2xx, in their order.
 */
export async function auditLedger(
  database: Database,
  successes: readonly string[],
  patienceMs = PATIENCE_MS,
): Promise<Findings> {
  const [first, last] = [successes[0], successes.at(-1)];
  if (first === undefined || last === undefined) throw new Error('There was no success to look for in the ledger.');
  const shown = progress('in the ledger', successes.length);
  try {
    await untilArrived(database, successes, patienceMs, shown);
  } finally {
    shown.end();
  }
  const rows = rowsBetween(database, first, last);
  return {
    successes: successes.length,
    ...compare(successes, rows),
    rollupMismatches: rollupMismatches(database, rows, timeOf(first), timeOf(last)),
  };
}

/** Each look begins at the first that was still missing. */
async function untilArrived(
  database: Database,
  successes: readonly string[],
  patienceMs: number,
  shown: Progress,
): Promise<void> {
  let missing = successes;
  for (let newAt = Date.now(); ; await wait(LOOK_EVERY_MS)) {
    const [first = '', last = ''] = [missing[0], missing.at(-1)];
    const found = new Set(rowsBetween(database, first, last).map(({ request_id }) => request_id));
    const still = missing.filter((id) => !found.has(id));
    if (still.length < missing.length) {
      shown.advance(missing.length - still.length);
      newAt = Date.now();
    }
    if (still.length === 0 || Date.now() - newAt >= patienceMs) return;
    missing = still;
  }
}

/** The own rows of requests from one id to another: ids are UUIDv7s, in the order of time. */
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

function compare(successes: readonly string[], rows: readonly Row[]): Pick<Findings, 'missing' | 'doubled'> {
  const expected = new Set(successes);
  const found = new Set<string>();
  const keys = new Set(rows.flatMap(({ request_id, key_id }) => (expected.has(request_id) ? [key_id] : [])));
  const doubled: string[] = [];
  for (const { request_id, key_id, status } of rows) {
    if (!keys.has(key_id)) continue;
    if (found.has(request_id) || (!expected.has(request_id) && status < 300)) doubled.push(request_id);
    found.add(request_id);
  }
  return { missing: successes.filter((id) => !found.has(id)), doubled };
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

/** Unix ms of a UUIDv7. */
function timeOf(id: string): number {
  return Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
}
