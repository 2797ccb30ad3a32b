import type { ContestantName } from './contestants.ts';
import { median, percentile, ratios, rounded } from './statistics.ts';

/** One contestant's turn in one round. Times to the first byte, of JSON to the last, in ms. */
export interface Cell {
  /** CPU time of the server's process, a request. */
  cpuMs: number;
  perSecond: number;
  concurrent: number[];
  sequential: number[];
}

type WorkloadName = 'stream_100' | 'stream_1000' | 'json';
type Cells = ReadonlyMap<WorkloadName, ReadonlyMap<ContestantName, readonly Cell[]>>;

/** What one contestant did with one workload; added and ratio are beside the passthrough. */
export interface Figures {
  workload: WorkloadName;
  contestant: ContestantName;
  cpu_ms: number;
  cpu_ratio: number;
  requests_per_s: number;
  first_byte_p50_ms: number;
  first_byte_p99_ms: number;
  added_p50_ms: number;
  first_byte_p50_ms_c16: number;
  first_byte_p99_ms_c16: number;
  added_p99_ms_c16: number;
}

/**
 * The figures of all. CPU and rates are medians over the rounds, ratios medians of those of each round, whose parts
 * stood next to each other; percentiles are those of the requests of all rounds.
 */
export function figuresOf(cells: Cells): Figures[] {
  return [...cells].flatMap(([workload, contestants]) => {
    const floor = contestants.get('passthrough') ?? [];
    const sequential = (all: readonly Cell[], percent: number): number =>
      percentile(
        all.flatMap((cell) => cell.sequential),
        percent,
      );
    const concurrent = (all: readonly Cell[], percent: number): number =>
      percentile(
        all.flatMap((cell) => cell.concurrent),
        percent,
      );
    return [...contestants].map(([contestant, all]) => ({
      workload,
      contestant,
      cpu_ms: rounded(median(cpus(all))),
      cpu_ratio: rounded(median(ratios(cpus(all), cpus(floor)))),
      requests_per_s: Math.round(median(all.map(({ perSecond }) => perSecond))),
      first_byte_p50_ms: rounded(sequential(all, 50)),
      first_byte_p99_ms: rounded(sequential(all, 99)),
      added_p50_ms: rounded(sequential(all, 50) - sequential(floor, 50)),
      first_byte_p50_ms_c16: rounded(concurrent(all, 50)),
      first_byte_p99_ms_c16: rounded(concurrent(all, 99)),
      added_p99_ms_c16: rounded(concurrent(all, 99) - concurrent(floor, 99)),
    }));
  });
}

function cpus(cells: readonly Cell[]): number[] {
  return cells.map(({ cpuMs }) => cpuMs);
}

function figuresFor(figures: readonly Figures[], workload: WorkloadName, contestant: ContestantName): Figures {
  const found = figures.find((one) => one.workload === workload && one.contestant === contestant);
  if (!found) throw new Error(`${contestant} was not measured with ${workload}.`);
  return found;
}

/** CPU time that each further chunk of a stream takes, microseconds. */
function microsecondsAChunk(figures: readonly Figures[], contestant: ContestantName): number {
  const [short, long] = [
    figuresFor(figures, 'stream_100', contestant).cpu_ms,
    figuresFor(figures, 'stream_1000', contestant).cpu_ms,
  ];
  return rounded(((long - short) * 1_000) / 900, 1);
}

/** What `npm run bench:relay` ends with. */
export function lastLine(figures: readonly Figures[]) {
  const of = (workload: WorkloadName, contestant: ContestantName) => figuresFor(figures, workload, contestant);
  return {
    bench: 'relay',
    cpu_ratio: of('stream_100', 'gateway').cpu_ratio,
    cpu_ratio_stubbed: of('stream_100', 'stubbed').cpu_ratio,
    inline_ratio: of('stream_100', 'inline').cpu_ratio,
    cpu_ratio_1000_chunks: of('stream_1000', 'gateway').cpu_ratio,
    added_p50_ms: of('stream_100', 'gateway').added_p50_ms,
    added_p99_ms_c16: of('stream_100', 'gateway').added_p99_ms_c16,
  };
}

/** The most that each may be; `inline_by_gateway`: the least; `chunk_ratio`: of what a further chunk takes. */
const BUDGETS = {
  ...{ cpu_ratio: 1.5, cpu_ratio_stubbed: 1.2, added_p50_ms: 2, inline_by_gateway: 5, chunk_ratio: 1 },
};
/** A sentence for each budget that is missed. */
export function missedBudgets(figures: readonly Figures[]): string[] {
  const line = lastLine(figures);
  const { inline_by_gateway, chunk_ratio, ...most } = BUDGETS;
  const missed = (Object.keys(most) as (keyof typeof most)[])
    .filter((name) => line[name] > most[name])
    .map((name) => `${name} is ${line[name]}, more than ${most[name]}`);
  const better = rounded(line.inline_ratio / line.cpu_ratio);
  if (better < inline_by_gateway)
    missed.push(`inline costs ${better} times the gateway, less than ${inline_by_gateway}`);
  const [chunk, floor] = [microsecondsAChunk(figures, 'gateway'), microsecondsAChunk(figures, 'passthrough')];
  if (chunk > floor * chunk_ratio)
    missed.push(`a further chunk takes ${chunk} us, more than ${chunk_ratio} times the passthrough's ${floor}`);
  return missed;
}

/** Prints the figures, a table a workload. */
export function printTable(figures: readonly Figures[]): void {
  for (const [workload, list] of Map.groupBy(figures, (one) => one.workload)) {
    console.log(workload);
    console.table(
      Object.fromEntries(list.map(({ workload: _, contestant, ...columns }) => [contestant, columns] as const)),
    );
  }
  const contestants = [...new Set(figures.map(({ contestant }) => contestant))];
  console.log('CPU of a further chunk of a stream, us');
  console.table(Object.fromEntries(contestants.map((one) => [one, microsecondsAChunk(figures, one)])));
}
