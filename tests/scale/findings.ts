import { plus } from './costs.ts';
import type { Counts } from './counted-system.ts';
import type { Measured } from './measured.ts';

/** A batch that the consumer billed, and by how many bytes each of its events made the database larger. */
export interface BilledBatch {
  counts: Counts;
  events: number;
  bytes: number;
}

/** What the test has counted, and what benchmarks have measured. */
export interface Findings {
  /** What the API worker and its objects do for a request, by its kind. */
  kinds: ReadonlyMap<string, Counts>;
  /** One event alone; a hundred of one account and model; a hundred of as many accounts. */
  single: BilledBatch;
  busy: BilledBatch;
  spread: BilledBatch;
  /** Moving so many requests out of the ledger. */
  retention: { counts: Counts; requests: number };
  /** Measuring the alerts with so many hourly rollups of the last week, and none of the last two hours. */
  alerts: { counts: Counts; rollups: number };
  measured: Measured;
}

/** What a request takes in all: of the consumer's batches, full ones, its share. */
export function inAll(request: Counts, { counts, events }: BilledBatch): Counts {
  // Refused ones tell the queues nothing.
  if (!request.queue_messages) return request;
  const analytics = { worker_requests: 1, log_lines: 1 };
  return plus(plus(request, counts, 1 / events), analytics, 1 / events);
}
