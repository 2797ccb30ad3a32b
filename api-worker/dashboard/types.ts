/** What the API answers with, as far as the dashboard reads it; described at /openapi.json. */

export interface List<T> {
  data: T[];
  last_id: string | null;
  has_more: boolean;
}

/** GET /v1/key */
export interface Key {
  id: string;
  name: string | null;
  user_id: string;
  tier: string | null;
  permissions: ('read' | 'write' | 'admin')[];
  rate_limit: number | null;
  expires_at: string | number | null;
}

export interface Sums {
  requests: number;
  errors: number;
  unpriced_attempts: number;
  input_tokens: number;
  output_tokens: number;
  cached_tokens: number;
  reasoning_tokens: number;
  cost_nano_usd: number;
  extra_cost_nano_usd: number;
}

/** What usage and latency can be grouped by. */
export type Group = 'model' | 'key' | 'user' | 'day' | 'hour';
export type Grouped = Partial<Record<Group, string>>;

interface Rate {
  limit: number | null;
  remaining: number | null;
  resets_at: string;
}

interface Budget {
  limit_usd: string | null;
  used_usd: string;
  held_usd: string;
  held_requests: number;
  reserved_usd: string;
  remaining_usd: string | null;
  resets_at: string;
}

export interface Limits {
  requests_per_minute: Rate;
  tokens_per_minute: Rate | null;
  concurrent_requests: { limit: number | null; in_progress: number };
  requests_per_month: Rate & { used: number };
  tokens_per_month: Rate & { used: number };
  budget_day: Budget;
  budget_month: Budget;
}

/** GET /usage */
export interface Usage {
  user_id: string;
  start: string;
  end: string;
  data: (Sums & Grouped)[];
  total: Sums;
  limits: Limits | null;
}

interface Percentiles {
  requests: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

/** GET /usage/latency */
export interface Latency {
  data: (Grouped & { latency_ms: Percentiles; ttft_ms: Percentiles })[];
}

interface TokenClasses {
  input_tokens: number | null;
  output_tokens: number | null;
  cached_tokens: number | null;
  cache_write_tokens: number | null;
  reasoning_tokens: number | null;
}

/** An entry of GET /usage/requests. */
export interface LedgerRequest extends TokenClasses {
  request_id: string;
  user_id: string;
  key_id: string;
  endpoint: string;
  requested_model: string;
  model: string | null;
  provider: string | null;
  status: number;
  finish_reason: string | null;
  cost_nano_usd: number | null;
  extra_cost_nano_usd: number;
  unpriced_attempts: number;
  usage_source: 'provider' | 'reconciled' | 'estimated' | 'cache' | 'unknown';
  latency_ms: number;
  ttft_ms: number | null;
  attempts: number;
  created_at: string;
}

/** GET /usage/requests/{request_id} */
export interface Receipt extends LedgerRequest {
  corrections: (TokenClasses & { adjustment: string; recorded_at: string; cost_nano_usd: number | null })[];
  unpriced: (TokenClasses & {
    attempt: number;
    model: string;
    state: string;
    usage_source: string;
    cost_nano_usd: number | null;
    generation_id: string | null;
    asked: number;
  })[];
  price:
    | ({ model: string; valid_from: string; source: string } & Partial<
        Record<'prompt' | 'completion' | 'input_cache_read' | 'input_cache_write' | 'internal_reasoning', string | null>
      >)
    | null;
}
