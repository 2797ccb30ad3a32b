import type { Counts } from './counted-system.ts';
import { LIMITS, PER_MILLION } from './list-prices.ts';

/** How long a call keeps a Durable Object busy, from its arrival to its answer, which waits for the disk: an assumption, on the safe side. */
export const CALL_MS = 10;

/** What a bill consists of, and the operations that belong to each of its parts. */
export const COMPONENTS = {
  Workers: ['worker_requests'],
  'Durable Objects: requests and time': ['do_requests', 'do_gb_s'],
  'Durable Objects: rows': ['do_rows_read', 'do_rows_written'],
  KV: ['kv_reads', 'kv_writes'],
  Queues: ['queue_operations'],
  D1: ['d1_rows_read', 'd1_rows_written'],
  Logs: ['log_events'],
} as const satisfies Record<string, readonly (keyof typeof PER_MILLION)[]>;

/** Dollars for a million requests, by component. CPU time, storage and what is included in the plan are left out. */
export function dollars(counts: Counts): Record<keyof typeof COMPONENTS, number> {
  const all: Counts = {
    ...counts,
    log_events: logEvents(counts),
    do_gb_s: ((counts.do_requests ?? 0) * CALL_MS * LIMITS.objectMemoryGb) / 1000,
  };
  const parts = Object.entries(COMPONENTS).map(([component, names]) => [
    component,
    names.reduce((sum, name) => sum + (all[name] ?? 0) * PER_MILLION[name], 0),
  ]);
  return Object.fromEntries(parts) as Record<keyof typeof COMPONENTS, number>;
}

/** What Workers Logs are told: of each invocation, of a worker or an object, one log, and the lines that they log. */
export function logEvents({ worker_requests = 0, do_requests = 0, log_lines = 0 }: Counts): number {
  return worker_requests + do_requests + log_lines;
}

/** The sum of some counts, the second times a factor. */
export function plus(one: Counts, other: Counts, times = 1): Counts {
  const sum = { ...one };
  for (const [name, value] of Object.entries(other)) sum[name] = (sum[name] ?? 0) + value * times;
  return sum;
}
