import * as z from 'zod';

const limit = z.int().nonnegative().nullable();

/**
 * What an account is granted, field for field as in `rate_limits` of schema.sql. Null: no limit; of
 * `requests_per_minute`: RATE_LIMIT_PER_MINUTE.
 */
export const Limits = z.object({
  requests_per_minute: limit,
  tokens_per_minute: limit,
  concurrent_requests: limit,
  requests_per_month: limit,
  tokens_per_month: limit,
  budget_day_nano_usd: limit,
  budget_month_nano_usd: limit,
});
export type Limits = z.infer<typeof Limits>;

export const LIMIT_NAMES = Object.keys(Limits.shape) as readonly (keyof Limits)[];
