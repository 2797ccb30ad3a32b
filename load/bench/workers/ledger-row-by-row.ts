import { latencyBucket } from '../../../shared/latency.ts';
import { ATTEMPT_COLUMNS } from '../../../shared/ledger.ts';
import { LEDGER_COLUMNS, SUMS } from '../../../shared/ledger-columns.ts';
import { NO_PRICES, readPriceBook } from '../../../shared/price-book.ts';
import { type Billed, billedBy } from '../../../shared/pricing.ts';
import { UsageEvent } from '../../../shared/usage-event.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const places = (count: number): string => Array(count).fill('?').join(', ');
const INSERT = `INSERT INTO usage_logs (${LEDGER_COLUMNS.join(', ')}, recorded_at) VALUES (${places(LEDGER_COLUMNS.length + 1)}) ON CONFLICT DO NOTHING`;
const ROLLUP_COLUMNS = ['requests', 'errors', ...SUMS];
const rollup = (table: string, period: string): string => `
  INSERT INTO ${table} (user_id, ${period}, key_id, model, ${ROLLUP_COLUMNS.join(', ')}) VALUES (${places(4 + ROLLUP_COLUMNS.length)})
  ON CONFLICT DO UPDATE SET ${ROLLUP_COLUMNS.map((column) => `${column} = ${column} + excluded.${column}`).join(', ')}`;
const HOURLY = rollup('usage_rollups_hourly', 'hour');
const DAILY = rollup('usage_rollups_daily', 'day');
const LATENCY = `
  INSERT INTO usage_latency_hourly (user_id, hour, key_id, model, measure, up_to_ms, requests) VALUES (${places(6)}, 1)
  ON CONFLICT DO UPDATE SET requests = requests + 1`;
const UNPRICED = `
  INSERT INTO unpriced_attempts (request_id, attempt, created_at, updated_at, ${ATTEMPT_COLUMNS.join(', ')})
  VALUES (${places(4 + ATTEMPT_COLUMNS.length)}) ON CONFLICT DO NOTHING`;
const LAST_USED = 'UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1 AND coalesce(last_used_at, 0) < ?2';

/** A request's own row; it changes nothing if the ledger has it. */
function ownRow(db: D1Database, { event }: Billed): D1PreparedStatement {
  return db.prepare(INSERT).bind(...LEDGER_COLUMNS.map((column) => event[column]), Date.now());
}

/** All that follows from a row that is new. */
function whatFollows(db: D1Database, { event, attempts }: Billed): D1PreparedStatement[] {
  const { user_id, key_id, status, latency_ms, ttft_ms, created_at } = event;
  const model = event.model ?? event.requested_model;
  const hour = created_at - (created_at % HOUR_MS);
  const sums = [1, Number(status >= 400 && status !== 499), ...SUMS.map((column) => event[column] ?? 0)];
  const now = Date.now();
  const took = (measure: string, ms: number) =>
    db.prepare(LATENCY).bind(user_id, hour, key_id, model, measure, latencyBucket(ms));
  return [
    db.prepare(HOURLY).bind(user_id, hour, key_id, model, ...sums),
    db.prepare(DAILY).bind(user_id, created_at - (created_at % DAY_MS), key_id, model, ...sums),
    took('latency', latency_ms),
    ...(ttft_ms === null ? [] : [took('ttft', ttft_ms)]),
    ...attempts.map((one, n) =>
      db.prepare(UNPRICED).bind(event.request_id, n, created_at, now, ...ATTEMPT_COLUMNS.map((column) => one[column])),
    ),
    db.prepare(LAST_USED).bind(key_id, created_at),
  ];
}

/**
 * The same job the ordinary way, to be measured against: each event by itself, each statement awaited before
 * the next; or, in the queue `event-by-event`, what follows from an event's row as one `batch()`. It keeps the same
 * tables, but nothing keeps it right: a worker that dies between two statements leaves rollups that lack a request.
 */
export default {
  async queue(batch: MessageBatch, { DB }: { DB: D1Database }): Promise<void> {
    for (const message of batch.messages) {
      const event = UsageEvent.parse(message.body);
      const models = event.unpriced.map(({ model }) => model);
      const billed = billedBy(event, models.length > 0 ? await readPriceBook(DB, models) : NO_PRICES);
      const { meta } = await ownRow(DB, billed).run();
      if (meta.changes > 0) {
        const statements = whatFollows(DB, billed);
        if (batch.queue === 'event-by-event') await DB.batch(statements);
        else for (const statement of statements) await statement.run();
      }
      message.ack();
    }
  },
};
