import type { Counts } from './ledger-counts.ts';
import { median, ratios, rounded } from './statistics.ts';

/** Events a second in each round, at one size. */
export interface Rates {
  consumer: number[];
  row_by_row: number[];
  event_by_event: number[];
}

/** None yet. */
export function noRates(): Rates {
  return { consumer: [], row_by_row: [], event_by_event: [] };
}

interface Measured {
  /** Of the ledger before. */
  rows: number;
  rates: Rates;
  /** The consumer's with no rows before, of the same rounds. */
  ratesOfNone: readonly number[];
  /** Events of a batch. */
  batch: number;
  /** Of so many events. */
  counts: Counts;
  countedEvents: number;
  /** Of a batch, all but its transaction, ms. */
  handlerMs: number;
  /** Of a batch's transaction in SQLite alone, ms. */
  sqliteMs: number;
}

export type SizeFigures = ReturnType<typeof sizeFigures>;

/** The figures of one size: medians, and of ratios the median of those of each round, whose parts stood next to each other. */
export function sizeFigures({ rows, rates, ratesOfNone, batch, counts, countedEvents, handlerMs, sqliteMs }: Measured) {
  const { consumer, row_by_row, event_by_event } = rates;
  return {
    rows,
    events_per_s: Math.round(median(consumer)),
    row_by_row_per_s: Math.round(median(row_by_row)),
    event_by_event_per_s: Math.round(median(event_by_event)),
    vs_row_by_row: rounded(median(ratios(consumer, row_by_row))),
    growth: rounded(median(ratios(ratesOfNone, consumer))),
    statements_per_batch: rounded((counts.statements * batch) / countedEvents),
    rows_written_per_event: rounded(counts.rows_written / countedEvents, 4),
    rows_read_per_event: rounded(counts.rows_read / countedEvents, 4),
    batch_ms: rounded((1_000 * batch) / median(consumer)),
    batch_ms_without_transaction: rounded(handlerMs),
    batch_ms_in_sqlite_alone: rounded(sqliteMs),
  };
}

/** What `npm run bench:ledger` ends with. Speed is that at the largest size, the ratio to row by row the least of all. */
export function lastLine(sizes: readonly SizeFigures[]) {
  const last = sizes.at(-1);
  if (!last) throw new Error('There is no size.');
  return {
    bench: 'ledger',
    events_per_s: last.events_per_s,
    vs_row_by_row: Math.min(...sizes.map(({ vs_row_by_row }) => vs_row_by_row)),
    growth_1m: last.growth,
    statements_per_batch: last.statements_per_batch,
    rows_written_per_event: last.rows_written_per_event,
  };
}

interface Budgets {
  events_per_s: number;
  vs_row_by_row: number;
  growth_1m: number;
}

export const BUDGETS: Budgets = { events_per_s: 5_000, vs_row_by_row: 20, growth_1m: 1.3 };
/** A short run on a busy machine shows gross differences only. */
export const QUICK_BUDGETS: Budgets = { events_per_s: 0, vs_row_by_row: 5, growth_1m: Number.POSITIVE_INFINITY };

/** A sentence for each budget that is missed; of too few events a second it says where their time goes. */
export function missedBudgets(
  line: ReturnType<typeof lastLine>,
  sizes: readonly SizeFigures[],
  budgets: Budgets,
): string[] {
  const missed: string[] = [];
  const last = sizes.at(-1);
  if (line.vs_row_by_row < budgets.vs_row_by_row) missed.push(`vs_row_by_row is less than ${budgets.vs_row_by_row}`);
  if (line.growth_1m > budgets.growth_1m) missed.push(`growth_1m is more than ${budgets.growth_1m}`);
  if (line.events_per_s < budgets.events_per_s) {
    missed.push(
      `events_per_s is less than ${budgets.events_per_s}: of the ${last?.batch_ms} ms of a batch, SQL and disk take ` +
        `${last?.batch_ms_in_sqlite_alone} and the handler ${last?.batch_ms_without_transaction}; the rest is D1's own`,
    );
  }
  return missed;
}

/** Prints the figures, a column a size. */
export function printTable(sizes: readonly SizeFigures[]): void {
  const table: Record<string, Record<string, number>> = {};
  for (const { rows, ...figures } of sizes) {
    for (const [name, figure] of Object.entries(figures)) table[name] = { ...table[name], [`${rows} rows`]: figure };
  }
  console.table(table);
}
