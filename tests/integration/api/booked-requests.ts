import fc from 'fast-check';
import { firstIdOf } from '../../../shared/ids.ts';
import { ledgerStatements } from '../../../shared/ledger.ts';
import { billedBy } from '../../../shared/pricing.ts';
import type { UsageEvent } from '../../../shared/usage-event.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { env } from './support.ts';

/** Requests in the ledger, for the tests of who looks for them. */

export const NOON = Date.UTC(2026, 10, 3, 12);
export const HOUR = 3_600_000;

export async function emptyBooks(): Promise<void> {
  const tables = ['usage_logs', 'unpriced_attempts', 'usage_rollups_hourly', 'usage_rollups_daily'];
  await env.DB.batch(tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
}

/** The id of a request that came at a time; the greater the number, the later among those of its millisecond. */
export const idOf = (at: number, n = 0) => `${firstIdOf(at)}-7000-8000-${n.toString(16).padStart(12, '0')}`;

/** Enters requests, ada's unless they are said to be another's, one a millisecond from noon on unless they say when; their ids. */
export async function book(...events: Partial<UsageEvent>[]): Promise<string[]> {
  const list = events.map((event, n) => {
    const created_at = event.created_at ?? NOON + n;
    return usageEvent({ request_id: idOf(created_at, n), user_id: 'ada', key_id: 'key_ada', created_at, ...event });
  });
  await env.DB.batch(
    ledgerStatements(
      env.DB,
      list.map((event) => billedBy(event)),
    ),
  );
  return list.map(({ request_id }) => request_id);
}

/** A number of tokens; null: unknown. */
export const tokens = fc.option(fc.integer({ min: 0, max: 2_000_000 }));
/** A request of one of two accounts, some of whose attempts told no cost. */
export const event = fc.record({
  user_id: fc.constantFrom('ada', 'ada', 'bob'),
  key_id: fc.constantFrom('k1', 'k2'),
  requested_model: fc.constantFrom('a/model', 'b/model'),
  model: fc.option(fc.constantFrom('a/model', 'a/model-2026')),
  status: fc.constantFrom(200, 499, 400, 502),
  input_tokens: tokens,
  output_tokens: tokens,
  cached_tokens: tokens,
  cache_write_tokens: tokens,
  reasoning_tokens: tokens,
  cost_nano_usd: fc.option(fc.nat({ max: 1_000_000_000 })),
  unpriced: fc.array(
    fc.record({
      ...{ model: fc.constant('a/model'), generation_id: fc.option(fc.constant('gen-1')), images: fc.constant(0) },
      ...{ usage_source: fc.constantFrom('provider' as const, 'estimated' as const), relayed: fc.boolean() },
      ...{ input_tokens: tokens, output_tokens: tokens, cached_tokens: tokens, cache_write_tokens: tokens },
      reasoning_tokens: tokens,
    }),
    { maxLength: 2 },
  ),
  // Hours side by side and far apart, and several requests in one millisecond.
  created_at: fc
    .tuple(fc.constantFrom(0, 1, 2, 7, 30, 31, 200, 5_000), fc.constantFrom(0, 1, 2, HOUR - 1))
    .map(([hours, ms]) => NOON - hours * HOUR + ms),
});
