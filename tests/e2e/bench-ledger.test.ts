import { expect, it } from 'vitest';
import { COUNTED_SEED } from '../../load/bench/ledger-counts.ts';
import { eventsAt } from '../../load/bench/ledger-events.ts';
import { randomFrom } from '../../load/upstream/random.ts';
import { latencyBucket } from '../../shared/latency.ts';
import type { UsageEvent } from '../../shared/usage-event.ts';
import { runProgram } from '../support/script.ts';

const BATCH = 100;
const BATCHES = 10;
/** Prices, three rollups, unpriced attempts, ledger, keys. */
const STATEMENTS = 7;

const distinct = (texts: string[]): number => new Set(texts).size;

/** Rows that a batch of one hour has to write: one an event, one for each rollup row, bucket and key that it touches. */
function rowsOf(batch: readonly UsageEvent[]): number {
  const place = ({ user_id, key_id, model, requested_model }: UsageEvent) =>
    [user_id, key_id, model ?? requested_model].join(' ');
  const buckets = batch.flatMap((event) =>
    [event.latency_ms, event.ttft_ms].flatMap((ms, n) =>
      ms === null ? [] : `${place(event)} ${n} ${latencyBucket(ms)}`,
    ),
  );
  // What is pending stands in an index, too.
  const attempts = batch.flatMap(({ unpriced }) => unpriced).map((one) => (one.generation_id === null ? 1 : 2));
  return (
    batch.length +
    2 * distinct(batch.map(place)) +
    distinct(buckets) +
    distinct(batch.map(({ key_id }) => key_id)) +
    attempts.reduce<number>((sum, rows) => sum + rows, 0)
  );
}

it('npm run bench:ledger counts what a batch takes, and is far ahead of row by row', { timeout: 120_000 }, async () => {
  const { code, stderr, last } = await runProgram('load/bench/ledger.ts', ['--quick']);
  expect(code, stderr).toBe(0);
  const result = JSON.parse(last);
  expect(Object.keys(result)).toEqual([
    ...['bench', 'events_per_s', 'vs_row_by_row', 'growth_1m', 'statements_per_batch', 'rows_written_per_event'],
  ]);
  expect(result).toMatchObject({
    ...{ bench: 'ledger', events_per_s: expect.any(Number), growth_1m: expect.any(Number) },
  });
  expect(result.vs_row_by_row).toBeGreaterThanOrEqual(5);
  expect(result.statements_per_batch).toBeLessThanOrEqual(STATEMENTS);

  const times = Array.from({ length: BATCHES * BATCH }, (_, n) => n);
  const events = eventsAt(times, randomFrom(COUNTED_SEED));
  const rows = times
    .filter((n) => n % BATCH === 0)
    .reduce((sum, from) => sum + rowsOf(events.slice(from, from + BATCH)), 0);
  expect(result.rows_written_per_event).toBe(rows / events.length);
});
