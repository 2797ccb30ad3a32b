import type { Cell } from './upstream-cells.ts';
import type { Ask, Outcome } from './upstream-client.ts';

/** A request, what it was for, and what became of it. */
export interface Run {
  /** A row of the table: fault, how it was asked, whether a fallback was alive, whether resuming was asked for. */
  row: readonly [string, string, string, string];
  /** Null: of no fault form. */
  cell: Cell | null;
  request: Ask;
  outcome: Outcome | null;
}

/** How many requests ended how. Those that look complete: `answered` and `resumed` are exact, `wrong` are not. */
export interface Counts {
  all: number;
  answered: number;
  resumed: number;
  raised: number;
  wrong: number;
}

export function countsOf(runs: readonly Run[]): Counts {
  const count = (test: (outcome: Outcome) => boolean): number =>
    runs.filter(({ outcome }) => outcome !== null && test(outcome)).length;
  return {
    all: runs.length,
    answered: count(({ exact, resumed }) => exact && !resumed),
    resumed: count(({ exact, resumed }) => exact && resumed),
    raised: count(({ raised }) => raised),
    wrong: count(({ raised, exact }) => !raised && !exact),
  };
}

/** The outcomes as a table, a line for each row. */
export function tableOf(runs: readonly Run[]): string {
  const columns = ['fault', 'asked', 'fallback', 'resume', 'answered', 'resumed', 'raised', 'wrong'];
  const rows = [...Map.groupBy(runs, ({ row }) => row.join('|')).values()].map((list) => {
    const { answered, resumed, raised, wrong } = countsOf(list);
    const counts = [answered, resumed, raised, wrong].map((count) => (count === 0 ? '' : String(count)));
    return [...(list[0]?.row ?? []), ...counts];
  });
  const widths = columns.map((column, n) => Math.max(column.length, ...rows.map((row) => row[n]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, n) => (n < 4 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0))).join('  ');
  return [columns, ...rows].map((row) => line(row).trimEnd()).join('\n');
}
