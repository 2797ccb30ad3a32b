import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, it } from 'vitest';
import { auditLedger, ledgerMissing, type Told } from '../../load/ledger-audit.ts';
import { uuidv7 } from '../../shared/ids.ts';
import { enterRow, rollUp as rollUpLedger } from '../support/ledger-rows.ts';

const NOON = Date.UTC(2025, 10, 24, 12);
const HOUR = 3_600_000;

let sqlite: DatabaseSync;
beforeEach(() => {
  sqlite = new DatabaseSync(':memory:');
  sqlite.exec(readFileSync('schema.sql', 'utf8'));
});

const enter = (id: string, row: Parameters<typeof enterRow>[2] = {}) => enterRow(sqlite, id, row);
const rollUp = () => rollUpLedger(sqlite);
const ids = (count: number) => Array.from({ length: count }, (_, n) => uuidv7(NOON + n * 60_000));
const database = { all: <Row>(sql: string) => sqlite.prepare(sql).all() as Row[], close() {} };

/** Audits a run that began ten seconds before the first id and ended ten after the last, patient for no time. */
function audit(successes: readonly string[], told: Partial<Told> = {}) {
  const [from, to] = [NOON - 10_000, NOON + (successes.length - 1) * 60_000 + 10_000];
  const all = { successes, counted: successes.length, cutOff: 0, from, to, ...told };
  return auditLedger(database, all, { patienceMs: 0 });
}

describe('the audit of a load', () => {
  it('is content when each success has its row and the rollups are the sums', async () => {
    const successes = ids(120);
    for (const id of successes) enter(id);
    // A correction, a failure, and somebody else's request are nothing that should be missed or is too much.
    enter(successes[3] ?? '', { adjustment: 'reconciled 0.1', cost: -1 });
    enter(uuidv7(NOON + 30_000), { status: 502 });
    enter(uuidv7(NOON + 30_000), { user: 'bob' });
    rollUp();
    expect(await audit(successes)).toEqual({
      successes: 120,
      unlogged: 0,
      missing: [],
      surplus: [],
      doubled: 0,
      rollupMismatches: 0,
    });
  });

  it('finds what is lost', async () => {
    const successes = ids(5);
    for (const id of successes.toSpliced(2, 1)) enter(id);
    rollUp();
    expect(await audit(successes)).toMatchObject({ missing: [successes[2]], doubled: 0 });
  });

  it('finds all lost when there is no row at all', async () => {
    const successes = ids(3);
    expect(await audit(successes)).toMatchObject({ missing: successes, doubled: 0, rollupMismatches: 0 });
  });

  it('finds a success that is in the ledger twice, under ids of which one was never told', async () => {
    const successes = ids(5);
    for (const id of successes) enter(id);
    const second = enter(uuidv7(NOON + 90_000));
    rollUp();
    expect(await audit(successes)).toMatchObject({ missing: [], surplus: [second], doubled: 1 });
  });

  it('finds one that came before the first that was told of, or after the last', async () => {
    const successes = ids(5);
    for (const id of successes) enter(id);
    const before = enter(uuidv7(NOON - 5_000));
    const after = enter(uuidv7(NOON + 4 * 60_000 + 5_000));
    // Of the same keys, but of another time.
    enter(uuidv7(NOON - 60_000));
    enter(uuidv7(NOON + 6 * 60_000));
    rollUp();
    expect(await audit(successes)).toMatchObject({ missing: [], surplus: [before, after], doubled: 2 });
  });

  it('misses one of two answers that were given under the same id', async () => {
    const [one = '', other = ''] = ids(2);
    for (const id of [one, other]) enter(id);
    rollUp();
    expect(await audit([one, one, other])).toMatchObject({ missing: [one], doubled: 0 });
  });

  it('notices successes that k6 counted, and of which no id was written down', async () => {
    const all = ids(5);
    for (const id of all) enter(id);
    rollUp();
    const findings = await audit(all.slice(0, 3), { counted: 5, to: NOON + 5 * 60_000 });
    // Their rows are there, and nobody can say that they are not theirs.
    expect(findings).toMatchObject({ unlogged: 2, missing: [], surplus: all.slice(3), doubled: null });
    expect(ledgerMissing(findings)).toBe(2);
  });

  it('notices ids of more successes than k6 counted, and that all ids are lacking', async () => {
    const all = ids(3);
    for (const id of all) enter(id);
    rollUp();
    expect(ledgerMissing(await audit(all, { counted: 2 }))).toBe(1);
    expect(ledgerMissing(await audit([], { counted: 3, to: NOON + HOUR }))).toBe(3);
    await expect(audit([], { counted: 0, to: NOON + HOUR })).rejects.toThrow('no success to look for');
  });

  it('does not take for doubled what may have been cut off, but more than that', async () => {
    const successes = ids(5);
    for (const id of successes) enter(id);
    expect(await audit(successes, { cutOff: 2 })).toMatchObject({ surplus: [], doubled: 0 });
    const first = enter(uuidv7(NOON + 1_000));
    const second = enter(uuidv7(NOON + 2_000));
    expect(await audit(successes, { cutOff: 2 })).toMatchObject({ surplus: [first, second], doubled: null });
    expect(await audit(successes, { cutOff: 1 })).toMatchObject({ surplus: [first, second], doubled: 1 });
    // k6 was ended before it summed up.
    expect(await audit(successes, { counted: null, cutOff: null })).toMatchObject({ unlogged: null, doubled: null });
  });

  it('finds rollups that are not the sum of their rows, though every row is there', async () => {
    const successes = ids(120);
    for (const id of successes) enter(id);
    rollUp();
    sqlite.exec(`UPDATE usage_rollups_hourly SET cost_nano_usd = cost_nano_usd + 1 WHERE hour = ${NOON}`);
    expect(await audit(successes)).toMatchObject({ missing: [], doubled: 0, rollupMismatches: 1 });
  });
});
