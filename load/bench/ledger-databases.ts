import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { sha256Hex } from '../../shared/ids.ts';
import { latencyBucket } from '../../shared/latency.ts';
import { LEDGER_COLUMNS, SUMS } from '../../shared/ledger-columns.ts';
import { randomFrom } from '../upstream/random.ts';
import { ACCOUNTS, accountOf, eventsAt, prices } from './ledger-events.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Over which the rows that are there are spread. */
const SPAN_MS = 30 * DAY_MS;
const AT_ONCE = 10_000;

/**
 * Gives a database, which D1 has made and nobody uses, the schema, a price book, accounts with their keys, and the
 * ledger of thirty days until now with rollups that agree with it.
 *
 * @param rows of the ledger.
 * @param now Unix ms.
 * @param advance told of rows as they are written.
 */
export async function fillDatabase(
  path: string,
  rows: number,
  now: number,
  advance: (count: number) => void,
): Promise<void> {
  const db = new DatabaseSync(path);
  try {
    db.exec(readFileSync(new URL('../../schema.sql', import.meta.url), 'utf8'));
    db.exec('BEGIN');
    await addAccounts(db);
    addLedger(db, rows, now, advance);
    if (rows > 0) addRollups(db);
    db.exec('COMMIT');
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } finally {
    db.close();
  }
}

async function addAccounts(db: DatabaseSync): Promise<void> {
  const user = db.prepare('INSERT INTO users (id, name, created_at) VALUES (?, ?, 0)');
  const key = db.prepare('INSERT INTO api_keys (id, user_id, key_hash, name, created_at) VALUES (?, ?, ?, ?, 0)');
  for (let n = 0; n < ACCOUNTS; n += 1) {
    const account = accountOf(n);
    user.run(account.user, account.user);
    for (const id of account.keys) key.run(id, account.user, await sha256Hex(id), id);
  }
  const price = db.prepare(
    `INSERT INTO model_prices (model, valid_from, prompt, completion, source, created_at) VALUES (?, 0, ?, ?, 'upstream', 0)`,
  );
  for (const { model, prompt, completion } of prices()) price.run(model, prompt, completion);
}

function addLedger(db: DatabaseSync, rows: number, now: number, advance: (count: number) => void): void {
  const random = randomFrom(rows);
  const insert = db.prepare(
    `INSERT INTO usage_logs (${LEDGER_COLUMNS.join(', ')}, recorded_at) VALUES (${LEDGER_COLUMNS.map(() => '?').join(', ')}, ?)`,
  );
  const attempt = db.prepare(`
    INSERT INTO unpriced_attempts (request_id, attempt, model, generation_id, usage_source, input_tokens, output_tokens,
                                   cached_tokens, relayed, cost_nano_usd, state, revision, created_at, updated_at)
    VALUES (?, 0, ?, ?, 'provider', ?, ?, ?, 1, ?, 'reconciled', 1, ?, ?)`);
  for (let from = 0; from < rows; from += AT_ONCE) {
    const count = Math.min(AT_ONCE, rows - from);
    const times = Array.from({ length: count }, (_, n) => now - SPAN_MS + Math.floor(((from + n) * SPAN_MS) / rows));
    for (const event of eventsAt(times, random)) {
      const { unpriced, created_at, ...told } = event;
      // What was asked for since was told: such rows stand as their corrections have left them.
      const cost = event.cost_nano_usd ?? (event.input_tokens ?? 0) * 300 + (event.output_tokens ?? 0) * 1_500;
      const row = { ...told, created_at, cost_nano_usd: cost, unpriced_attempts: 0 };
      insert.run(...LEDGER_COLUMNS.map((column) => row[column]), created_at);
      for (const one of unpriced) {
        const tokens = [one.input_tokens, one.output_tokens, one.cached_tokens];
        attempt.run(event.request_id, one.model, one.generation_id, ...tokens, cost, created_at, created_at);
      }
    }
    advance(count);
  }
}

function addRollups(db: DatabaseSync): void {
  db.function('latency_bucket', { deterministic: true }, (ms) => latencyBucket(Number(ms)));
  for (const [table, period, ms] of [
    ['usage_rollups_hourly', 'hour', HOUR_MS],
    ['usage_rollups_daily', 'day', DAY_MS],
  ] as const) {
    db.exec(`
      INSERT INTO ${table} (user_id, ${period}, key_id, model, requests, errors, ${SUMS.join(', ')})
      SELECT user_id, created_at / ${ms} * ${ms}, key_id, coalesce(model, requested_model), count(*), sum(status >= 400),
             ${SUMS.map((column) => `sum(${column})`).join(', ')}
        FROM usage_logs GROUP BY 1, 2, 3, 4`);
  }
  for (const measure of ['latency', 'ttft']) {
    db.exec(`
      INSERT INTO usage_latency_hourly (user_id, hour, key_id, model, measure, up_to_ms, requests)
      SELECT user_id, created_at / ${HOUR_MS} * ${HOUR_MS}, key_id, coalesce(model, requested_model), '${measure}',
             latency_bucket(${measure}_ms), count(*)
        FROM usage_logs WHERE ${measure}_ms IS NOT NULL GROUP BY 1, 2, 3, 4, 6`);
  }
}
