import { ISOLATE_BYTES } from '../../api-worker/metering/transcript-bounds.ts';
import type { HeapUsage } from './inspector.ts';

/** What many streams at a time took, bytes. */
export interface Held {
  streams: number;
  chunks: number;
  /** Of the isolate, at most, as long as none of the streams had ended. */
  inProgress: number;
  /** The same until all was over: with what metering, analytics and queues take. */
  peak: number;
  /** The most that the whole process had, resident. */
  rss: number;
  /** Of the answers, those that analytics did not get, for they were too long or cut. */
  leftOut: number;
}

/** MB: what is kept within what an isolate may have, 128 of them. */
export interface Budgets {
  peak_isolate_mb: number;
  left_after_mb: number;
}

export const BUDGETS: Budgets = { peak_isolate_mb: 64, left_after_mb: 2 };

/** All that an isolate holds. */
export function heldBy({ usedSize, embedderHeapUsedSize, backingStorageSize }: HeapUsage): number {
  return usedSize + embedderHeapUsedSize + backingStorageSize;
}

/** Bytes as MB, to a tenth. */
export function mb(bytes: number): number {
  return Math.round(bytes / 1e5) / 10;
}

/** What `npm run bench:memory` ends with. */
export function lastLine(held: readonly Held[], idleRss: number, leftAfter: number) {
  return {
    bench: 'memory',
    streams: held[0]?.streams ?? 0,
    peak_isolate_mb: mb(Math.max(...held.map(({ peak }) => peak))),
    peak_rss_added_mb: mb(Math.max(...held.map(({ rss }) => rss)) - idleRss),
    left_after_mb: mb(leftAfter),
    transcript_bound_mib: ISOLATE_BYTES / 2 ** 20,
  };
}

/** One line for each budget that is missed. */
export function missedBudgets(line: ReturnType<typeof lastLine>, budgets: Budgets): string[] {
  return (Object.keys(budgets) as (keyof Budgets)[])
    .filter((name) => line[name] > budgets[name])
    .map((name) => `${name} is ${line[name]}, not at most ${budgets[name]}`);
}

/** Tells all of it, on standard error. */
export function printTable(rows: readonly (readonly [what: string, held: Held])[]): void {
  for (const [what, { streams, chunks, inProgress, peak, leftOut }] of rows) {
    console.error(
      `${what}: ${streams} streams of ${chunks} chunks: ${mb(inProgress)} MB in progress, ${mb(peak)} MB at most; analytics lack ${leftOut} answers`,
    );
  }
}
