import { parseArgs } from 'node:util';
import { progress } from '../../scripts/progress.ts';
import { firstIdOf } from '../../shared/ids.ts';
import type { UsageEvent } from '../../shared/usage-event.ts';
import { randomFrom } from '../upstream/random.ts';
import { COUNTED_SEED } from './ledger-counts.ts';
import { fillDatabase } from './ledger-databases.ts';
import { eventsAt } from './ledger-events.ts';
import {
  BUDGETS,
  lastLine,
  missedBudgets,
  noRates,
  printTable,
  QUICK_BUDGETS,
  type Rates,
  sizeFigures,
} from './ledger-report.ts';
import { readBooks, runBySqlite } from './ledger-sqlite.ts';
import { LedgerSystem } from './ledger-system.ts';
import { thisMachine } from './machine.ts';
import { saveResult } from './results.ts';
import { median } from './statistics.ts';
import { workspace } from './workspace.ts';

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
  ? { sizes: [0, 20_000], rounds: 2, warmUp: 500, timed: 1_500, slow: 50, counted: 1_000 }
  : { sizes: [0, 100_000, 1_000_000], rounds: 9, warmUp: 2_000, timed: 4_000, slow: 200, counted: 2_000 };

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** What is there is older, so that each round begins with the same of today: nothing. */
const TODAY = Date.now() - (Date.now() % DAY_MS);

/** Events of this moment and of one hour, one a millisecond: so that none of them splits a rollup's row in two. */
function eventsNow(count: number, random: () => number): UsageEvent[] {
  const now = Date.now();
  const first = Math.max(now - count, now - (now % HOUR_MS));
  return eventsAt(
    Array.from({ length: count }, (_, n) => first + n),
    random,
  );
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

/** What D1 counts for batches of events, and how long the handler takes but for its transactions, ms a batch. */
async function count(system: LedgerSystem, database: string) {
  await system.forget(database, TODAY);
  await system.load(eventsNow(PLAN.counted, randomFrom(COUNTED_SEED)), BATCH);
  await system.run('counted', database);
  const counts = await system.counts(database);
  await system.load(eventsNow(PLAN.timed, randomFrom(COUNTED_SEED + 1)), BATCH);
  const runs = [];
  for (let n = 0; n < PLAN.rounds; n += 1) runs.push(await system.withoutTransactions(database));
  const handlerMs = median(runs.map(({ ms }) => ms)) / (PLAN.timed / BATCH);
  return { counts, handlerMs, transactions: runs[0]?.transactions ?? [] };
}

const dir = workspace();
const names = PLAN.sizes.map((size) => `ledger-${size}`);
const machine = thisMachine();
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

const rates = names.map(noRates);
const counted: Awaited<ReturnType<typeof count>>[] = [];
const system = await LedgerSystem.start(dir, names);
try {
  const random = randomFrom(1);
  // The first round makes the runtime warm, and is not told.
  const rounds = progress('rounds', PLAN.rounds + 1);
  for (let n = 0; n <= PLAN.rounds; n += 1) {
    for (const [at, name] of names.entries()) {
      const into = n === 0 ? noRates() : rates[at];
      if (into) await round(system, name, random, into);
    }
    rounds.advance(1);
  }
  rounds.end();
  const counts = progress('counts', names.length);
  for (const name of names) {
    counted.push(await count(system, name));
    counts.advance(1);
  }
  counts.end();
} finally {
  await system.stop();
}

const sizes = names.map((name, at) => {
  const path = paths.get(name) ?? '';
  const taken = counted[at];
  const ofSize = rates[at];
  if (!taken || !ofSize) throw new Error(`${name} was not measured.`);
  const { ledger, hourly, daily, deadLetters } = readBooks(path, TODAY, firstIdOf(TODAY));
  if (deadLetters > 0 || [ledger, hourly, daily].some((sum) => sum !== PLAN.counted)) {
    throw new Error(`The books do not agree: ${JSON.stringify({ ledger, hourly, daily, deadLetters })}`);
  }
  return sizeFigures({
    rows: PLAN.sizes[at] ?? 0,
    rates: ofSize,
    ratesOfNone: rates[0]?.consumer ?? [],
    batch: BATCH,
    counts: taken.counts,
    countedEvents: PLAN.counted,
    handlerMs: taken.handlerMs,
    sqliteMs: median(runBySqlite(path, taken.transactions)),
  });
});
const line = lastLine(sizes);
const missed = missedBudgets(line, sizes, args.quick ? QUICK_BUDGETS : BUDGETS);
printTable(sizes);
if (args.save) saveResult('ledger', { ...line, machine, plan: { ...PLAN, batch: BATCH }, sizes, rounds: rates });
for (const what of missed) console.error(`missed: ${what}`);
console.log(JSON.stringify(line));
process.exitCode = missed.length > 0 ? 1 : 0;
