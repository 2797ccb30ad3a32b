/** When the prices and limits were last read at their pages. */
export const READ_ON = 'November 2026';

/** Cloudflare's list prices beyond what the Workers Paid plan includes, dollars for a million. */
export const PER_MILLION = {
  worker_requests: 0.3,
  cpu_ms: 0.02,
  do_requests: 0.15,
  do_gb_s: 12.5,
  do_rows_read: 0.001,
  do_rows_written: 1,
  kv_reads: 0.5,
  kv_writes: 5,
  queue_operations: 0.4,
  d1_rows_read: 0.001,
  d1_rows_written: 1,
  r2_class_a: 4.5,
  r2_class_b: 0.36,
  log_events: 0.6,
} as const;

/** Dollars for a GB kept for a month. */
export const PER_GB_MONTH = { d1: 0.75, r2: 0.015 } as const;

/** Where they stand. */
export const PAGES = {
  Workers: 'https://developers.cloudflare.com/workers/platform/pricing/',
  'Durable Objects': 'https://developers.cloudflare.com/durable-objects/platform/pricing/',
  KV: 'https://developers.cloudflare.com/kv/platform/pricing/',
  Queues: 'https://developers.cloudflare.com/queues/platform/pricing/',
  D1: 'https://developers.cloudflare.com/d1/platform/pricing/',
  R2: 'https://developers.cloudflare.com/r2/pricing/',
  'Workers Logs': 'https://developers.cloudflare.com/workers/observability/logs/workers-logs/',
} as const;

/** What Cloudflare lets one of each do. */
export const LIMITS = {
  /** https://developers.cloudflare.com/queues/platform/limits/ */
  queueMessagesPerSecond: 5_000,
  queueConsumers: 250,
  /** https://developers.cloudflare.com/d1/platform/limits/ */
  d1Bytes: 10e9,
  /** https://developers.cloudflare.com/durable-objects/platform/limits/ */
  objectRequestsPerSecond: 1_000,
  objectMemoryGb: 0.128,
} as const;
