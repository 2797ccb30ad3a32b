import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { progress } from '../../scripts/progress.ts';
import { firstIdOf } from '../../shared/ids.ts';
import type { UsageEvent } from '../../shared/usage-event.ts';
import { randomFrom } from '../upstream/random.ts';
import { COUNTED_SEED } from './ledger-counts.ts';
import { fillDatabase } from './ledger-databases.ts';
import { eventsAt } from './ledger-events.ts';
import { readBooks, runBySqlite } from './ledger-sqlite.ts';
import { LedgerSystem } from './ledger-system.ts';
import { thisMachine } from './machine.ts';

/**
 * How fast usage events get into the ledger: the consumer as it would be deployed, its real queue handler, batches of
 * 100, into D1 on disk that holds nothing, 100 thousand or a million requests; beside the same job done row by row.
 * `--quick`: a small run, for tests. `--save`: the whole result to docs/bench/ledger.json. The last line is JSON; fails
 * if a budget is missed.
 */
const { values: args } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, save: { type: 'boolean', default: false } },
});

const BATCH = 100;
const PLAN = args.quick
  ? { sizes: [0, 20_000], rounds: 2, warmUp: 500, timed: 1_500, slow: 100, counted: 1_000 }
  : { sizes: [0, 100_000, 1_000_000], rounds: 9, warmUp: 2_000, timed: 4_000, slow: 200, counted: 2_000 };
/** A short run on a busy machine shows gross differences only. */
const BUDGETS = args.quick
  ? { events_per_s: 0, vs_row_by_row: 5, growth: Number.POSITIVE_INFINITY }
  : { events_per_s: 5_000, vs_row_by_row: 20, growth: 1.3 };
const RESULT = 'docs/bench/ledger.json';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** What is there is older, so that each round begins with the same of today: nothing. */
const TODAY = Date.now() - (Date.now() % DAY_MS);

/** Events per second in each round, at one size. */
interface Rates {
  consumer: number[];
  row_by_row: number[];
  event_by_event: number[];
}

/** Events of this moment and of one hour, one a millisecond: so that none of them splits a rollup's row in two. */
function eventsNow(count: number, random: () => number): UsageEvent[] {
  const now = Date.now();
  const first = Math.max(now - count, now - (now % HOUR_MS));
  return eventsAt(
    Array.from({ length: count }, (_, n) => first + n),
    random,
  );
}

function median(list: readonly number[]): number {
  const sorted = list.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2;
}

function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

/** One round at one size. */
async function round(system: LedgerSystem, database: string, random: () => number, rates: Rates): Promise<void> {
  const rate = async (way: 'consumer' | 'row-by-row' | 'event-by-event', count: number): Promise<number> => {
    await system.load(eventsNow(count, random), BATCH);
    return (count * 1_000) / (await system.run(way, database));
  };
  await system.forget(database, TODAY);
  await rate('consumer', PLAN.warmUp);
  rates.consumer.push(await rate('consumer', PLAN.timed));
  rates.row_by_row.push(await rate('row-by-row', PLAN.slow));
  rates.event_by_event.push(await rate('event-by-event', PLAN.slow));
}

/** What D1 counts for batches of events, and where their time goes but for D1. */
async function count(system: LedgerSystem, database: string) {
  await system.forget(database, TODAY);
  await system.load(eventsNow(PLAN.counted, randomFrom(COUNTED_SEED)), BATCH);
  await system.run('counted', database);
  const counts = await system.counts(database);
  await system.load(eventsNow(PLAN.timed, randomFrom(COUNTED_SEED + 1)), BATCH);
  return { counts, ...(await system.withoutTransactions(database)) };
}

const dir = mkdtempSync(join(tmpdir(), 'openai-api-bench-'));
const names = PLAN.sizes.map((size) => `ledger-${size}`);
const machine = thisMachine();
try {
  const paths = await LedgerSystem.makeDatabases(dir, names);
  const filling = progress(
    'rows',
    PLAN.sizes.reduce((sum, size) => sum + size, 0),
  );
  for (const [n, name] of names.entries()) {
    let waiting = 0;
    await fillDatabase(paths.get(name) ?? '', PLAN.sizes[n] ?? 0, TODAY, (rows) => {
      waiting += rows;
      if (waiting % 100_000 === 0) filling.advance(100_000);
    });
  }
  filling.end();

  const rates = names.map((): Rates => ({ consumer: [], row_by_row: [], event_by_event: [] }));
  const counted: Awaited<ReturnType<typeof count>>[] = [];
  const system = await LedgerSystem.start(dir, names);
  try {
    const random = randomFrom(1);
    // The first round makes the runtime warm, and is not told.
    const rounds = progress('rounds', PLAN.rounds + 1);
    for (let n = 0; n <= PLAN.rounds; n += 1) {
      for (const [at, name] of names.entries()) {
        const into = n === 0 ? { consumer: [], row_by_row: [], event_by_event: [] } : rates[at];
        if (into) await round(system, name, random, into);
      }
      rounds.advance(1);
    }
    rounds.end();
    for (const name of names) counted.push(await count(system, name));
  } finally {
    await system.stop();
  }

  const batches = PLAN.timed / BATCH;
  const sizes = names.map((name, at) => {
    const path = paths.get(name) ?? '';
    const { consumer = [], row_by_row = [], event_by_event = [] } = rates[at] ?? {};
    const { counts, transactions, ms } = counted[at] ?? { counts: undefined, transactions: [], ms: 0 };
    const { ledger, hourly, daily, deadLetters } = readBooks(path, TODAY, firstIdOf(TODAY));
    if (deadLetters > 0 || [ledger, hourly, daily].some((sum) => sum !== PLAN.counted)) {
      throw new Error(`The books do not agree: ${JSON.stringify({ ledger, hourly, daily, deadLetters })}`);
    }
    return {
      rows: PLAN.sizes[at] ?? 0,
      events_per_s: Math.round(median(consumer)),
      row_by_row_per_s: Math.round(median(row_by_row)),
      event_by_event_per_s: Math.round(median(event_by_event)),
      vs_row_by_row: rounded(median(consumer.map((rate, n) => rate / (row_by_row[n] ?? Number.NaN)))),
      growth: rounded(median(consumer.map((rate, n) => (rates[0]?.consumer[n] ?? Number.NaN) / rate))),
      statements_per_batch: rounded((counts?.statements ?? 0) / (PLAN.counted / BATCH)),
      rows_written_per_event: rounded((counts?.rows_written ?? 0) / PLAN.counted, 4),
      rows_read_per_event: rounded((counts?.rows_read ?? 0) / PLAN.counted, 4),
      batch_ms: rounded((1_000 * BATCH) / median(consumer)),
      batch_ms_without_transaction: rounded(ms / batches),
      batch_ms_in_sqlite_alone: rounded(runBySqlite(path, transactions) / batches),
    };
  });
  const last = sizes.at(-1);
  if (!last) throw new Error('There is no size.');
  const line = {
    bench: 'ledger',
    events_per_s: last.events_per_s,
    vs_row_by_row: Math.min(...sizes.map(({ vs_row_by_row }) => vs_row_by_row)),
    growth_1m: last.growth,
    statements_per_batch: last.statements_per_batch,
    rows_written_per_event: last.rows_written_per_event,
  };
  const missed = [
    ...(line.vs_row_by_row < BUDGETS.vs_row_by_row ? [`vs_row_by_row is less than ${BUDGETS.vs_row_by_row}`] : []),
    ...(line.growth_1m > BUDGETS.growth ? [`growth_1m is more than ${BUDGETS.growth}`] : []),
    ...(line.events_per_s < BUDGETS.events_per_s
      ? [
          `events_per_s is less than ${BUDGETS.events_per_s}: of the ${last.batch_ms} ms of a batch, SQL and disk take ` +
            `${last.batch_ms_in_sqlite_alone}, the handler ${last.batch_ms_without_transaction}, and D1's own protocol the rest`,
        ]
      : []),
  ];
  console.table(Object.fromEntries(sizes.map(({ rows, ...figures }) => [`${rows} rows`, figures])));
  if (args.save) {
    mkdirSync('docs/bench', { recursive: true });
    writeFileSync(RESULT, `${JSON.stringify({ ...line, machine, plan: { ...PLAN, batch: BATCH }, sizes }, null, 2)}\n`);
  }
  for (const what of missed) console.error(`missed: ${what}`);
  console.log(JSON.stringify(line));
  process.exitCode = missed.length > 0 ? 1 : 0;
} finally {
  rmSync(dir, { recursive: true, force: true });
}
