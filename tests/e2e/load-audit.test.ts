import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, it } from 'vitest';
import { auditLedger } from '../../load/ledger-audit.ts';
import { uuidv7 } from '../../shared/ids.ts';

const NOON = Date.UTC(2026, 10, 24, 12);
const HOUR = 3_600_000;

let sqlite: DatabaseSync;
beforeEach(() => {
  sqlite = new DatabaseSync(':memory:');
  sqlite.exec(readFileSync('schema.sql', 'utf8'));
});

/** A request's row, without the rollups. */
function enter(id: string, { user = 'ada', status = 200, adjustment = '', cost = 7 } = {}): string {
  const at = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
  sqlite
    .prepare(`
      INSERT INTO usage_logs (request_id, adjustment, user_id, key_id, endpoint, requested_model, status,
        cost_nano_usd, usage_source, latency_ms, attempts, created_at, recorded_at)
      VALUES (?, ?, ?, ?, '/v1/chat/completions', 'sim/any', ?, ?, 'provider', 1, 1, ?, ?)`)
    .run(id, adjustment, user, `key of ${user}`, status, cost, at, at);
  return id;
}

/** Makes the rollups what they are to be. */
function rollUp(): void {
  const sums = ['unpriced_attempts', 'input_tokens', 'output_tokens', 'cached_tokens', 'cache_write_tokens']
    .concat(['reasoning_tokens', 'cost_nano_usd', 'extra_cost_nano_usd'])
    .map((sum) => `coalesce(sum(${sum}), 0)`);
  for (const [table, ms] of [
    ['usage_rollups_hourly', HOUR],
    ['usage_rollups_daily', 24 * HOUR],
  ] as const) {
    sqlite.exec(`
      INSERT INTO ${table} SELECT user_id, created_at / ${ms} * ${ms}, key_id, coalesce(model, requested_model),
        sum(adjustment = ''), sum(adjustment = '' AND status >= 400 AND status <> 499), ${sums.join(', ')}
        FROM usage_logs GROUP BY 1, 2, 3, 4`);
  }
}

const ids = (count: number) => Array.from({ length: count }, (_, n) => uuidv7(NOON + n * 60_000));
const audit = (successes: readonly string[]) =>
  auditLedger({ all: <Row>(sql: string) => sqlite.prepare(sql).all() as Row[], close() {} }, successes, 0);

describe('the audit of a load', () => {
  it('is content when each success has its row and the rollups are the sums', async () => {
    const successes = ids(120);
    for (const id of successes) enter(id);
    // A correction, a failure, and somebody else's request are nothing that should be missed or is too much.
    enter(successes[3] ?? '', { adjustment: 'reconciled 0.1', cost: -1 });
    enter(uuidv7(NOON + 30_000), { status: 502 });
    enter(uuidv7(NOON + 30_000), { user: 'bob' });
    rollUp();
    expect(await audit(successes)).toEqual({ successes: 120, missing: [], doubled: [], rollupMismatches: 0 });
  });

  it('finds what is lost', async () => {
    const successes = ids(5);
    for (const id of successes.toSpliced(2, 1)) enter(id);
    rollUp();
    expect(await audit(successes)).toMatchObject({ missing: [successes[2]], doubled: [] });
  });

  it('finds all lost when there is no row at all', async () => {
    const successes = ids(3);
    expect(await audit(successes)).toMatchObject({ missing: successes, doubled: [], rollupMismatches: 0 });
  });

  it('finds a success that is in the ledger twice, under ids of which one was never told', async () => {
    const successes = ids(5);
    for (const id of successes) enter(id);
    const second = enter(uuidv7(NOON + 90_000));
    rollUp();
    expect(await audit(successes)).toMatchObject({ missing: [], doubled: [second] });
  });

  it('finds rollups that are not the sum of their rows, though every row is there', async () => {
    const successes = ids(120);
    for (const id of successes) enter(id);
    rollUp();
    sqlite.exec(`UPDATE usage_rollups_hourly SET cost_nano_usd = cost_nano_usd + 1 WHERE hour = ${NOON}`);
    expect(await audit(successes)).toMatchObject({ missing: [], doubled: [], rollupMismatches: 1 });
  });
});
