import * as z from 'zod';

/**
 * Where the numbers of a ledger row come from. `unknown` leaves tokens and cost NULL: a missing
 * number is never written as 0.
 */
export const USAGE_SOURCES = ['provider', 'reconciled', 'estimated', 'cache', 'unknown'] as const;

const text = z.string().max(512);
const count = z.int().nonnegative();

/** An upstream call that did not tell its own cost: what is known of it, for whoever prices it. */
export const UnpricedAttempt = z.strictObject({
  /** That answered, in the upstream's words, or that was asked. */
  model: text.min(1),
  /** What the upstream can be asked for it by; null: nothing. */
  generation_id: text.nullable(),
  /** Of its tokens: told by the provider, or made out from what it sent. */
  usage_source: z.enum(['provider', 'estimated']),
  input_tokens: count.nullable(),
  output_tokens: count.nullable(),
  cached_tokens: count.nullable(),
  cache_write_tokens: count.nullable(),
  reasoning_tokens: count.nullable(),
  /** In the request. */
  images: count,
  /** Whether the client got any of it. */
  relayed: z.boolean(),
});
export type UnpricedAttempt = z.infer<typeof UnpricedAttempt>;

/**
 * What one accepted request used: the message of the usage queue and, priced, one row of the ledger
 * (`usage_logs` in schema.sql). It carries no prompt, no completion and no key.
 */
export const UsageEvent = z.strictObject({
  /** Ours, a UUIDv7: the ledger's primary key, and so what makes a redelivery harmless. */
  request_id: z.uuidv7(),
  /** The account that is billed. */
  user_id: text.min(1),
  key_id: text.min(1),
  /** The path that was called, such as `/v1/chat/completions`. */
  endpoint: text,
  requested_model: text,
  /** The model that answered last, as the upstream names it (often a dated slug); null without an answer. */
  model: text.nullable(),
  provider: text.nullable(),
  /** The upstream's id of the generation: what it is asked by when it is asked again. */
  generation_id: text.nullable(),
  /** HTTP status of the answer; 502 for a stream that broke after its 200, 499 for a client that left. */
  status: z.int().min(100).max(599),
  finish_reason: text.nullable(),
  /** Prompt tokens, cached ones included. */
  input_tokens: count.nullable(),
  output_tokens: count.nullable(),
  /** Part of `input_tokens`. */
  cached_tokens: count.nullable(),
  /** Part of `input_tokens`. */
  cache_write_tokens: count.nullable(),
  /** Part of `output_tokens`. */
  reasoning_tokens: count.nullable(),
  /** Of all attempts whose cost the upstream told; null when it told none. */
  cost_nano_usd: count.nullable(),
  /** Part of `cost_nano_usd`: attempts of which the client got nothing, such as hedges that lost. */
  extra_cost_nano_usd: count.default(0),
  /** Attempts that may have cost something which is not known. */
  unpriced_attempts: count.default(0),
  /** Those of them of which enough is known to price them. */
  unpriced: z.array(UnpricedAttempt).max(64).default([]),
  usage_source: z.enum(USAGE_SOURCES),
  /** From the request's arrival to its last byte. */
  latency_ms: count,
  /** From the request's arrival to the first event sent on; null when nothing was. */
  ttft_ms: count.nullable(),
  /** Upstream calls made. */
  attempts: count,
  /** When the request arrived, in Unix milliseconds. */
  created_at: count,
});
export type UsageEvent = z.infer<typeof UsageEvent>;
