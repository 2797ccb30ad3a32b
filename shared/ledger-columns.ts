import type { UsageEvent } from './usage-event.ts';

/** The columns of a ledger row that stand in the event of the same name. */
export const LEDGER_COLUMNS = [
  'request_id',
  'user_id',
  'key_id',
  'endpoint',
  'requested_model',
  'model',
  'provider',
  'generation_id',
  'status',
  'finish_reason',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'cost_nano_usd',
  'extra_cost_nano_usd',
  'unpriced_attempts',
  'usage_source',
  'latency_ms',
  'ttft_ms',
  'attempts',
  'created_at',
] as const satisfies readonly (keyof UsageEvent)[];

/** The columns of a rollup that are sums over columns of the ledger, corrections included. */
export const SUMS = [
  'unpriced_attempts',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'cost_nano_usd',
  'extra_cost_nano_usd',
] as const;
