import { NO_PRICES, type PriceBook, priceOf } from './price-book.ts';
import type { UnpricedAttempt, UsageEvent } from './usage-event.ts';

/** What becomes of an attempt whose cost the upstream did not tell; see `unpriced_attempts` in schema.sql. */
export type PriceState = 'pending' | 'reconciled' | 'given_up' | 'priced' | 'no_price';

/** An attempt with the price that it gets here. */
export type OwnPriced = Omit<UnpricedAttempt, 'relayed'> & {
  relayed: 0 | 1;
  cost_nano_usd: number | null;
  state: PriceState;
};

/** A request as it enters the ledger, and those of its attempts that we had to price. */
export interface Billed {
  event: Omit<UsageEvent, 'unpriced'>;
  attempts: OwnPriced[];
}

/**
 * Prices what the upstream did not: by the tokens that it told, or by an estimate of them that stands
 * until it is reconciled. The same event and prices give the same row.
 *
 * @param prices without any, costs stay as the upstream told them.
 */
export function billedBy({ unpriced, ...event }: UsageEvent, prices: PriceBook = NO_PRICES): Billed {
  const attempts = unpriced.map((attempt) => ownPriced(attempt, prices, event.created_at));
  const costs = [event.cost_nano_usd, ...attempts.map(({ cost_nano_usd }) => cost_nano_usd)].filter(isKnown);
  const lost = attempts.filter(({ relayed }) => !relayed).map(({ cost_nano_usd }) => cost_nano_usd ?? 0);
  const priced = attempts.filter(({ state }) => state === 'priced').length;
  const cost = costs.length > 0 ? sum(costs) : null;
  return {
    event: {
      ...event,
      cost_nano_usd: cost,
      extra_cost_nano_usd: event.extra_cost_nano_usd + sum(lost),
      // A cost that nobody knows is an attempt's, also where none is named.
      unpriced_attempts: Math.max(cost === null ? 1 : 0, event.unpriced_attempts - priced),
    },
    attempts,
  };
}

function ownPriced(attempt: UnpricedAttempt, prices: PriceBook, at: number): OwnPriced {
  const cost_nano_usd = priceOf(prices, attempt, at);
  return { ...attempt, relayed: attempt.relayed ? 1 : 0, cost_nano_usd, state: stateOf(attempt, cost_nano_usd) };
}

function stateOf({ generation_id, usage_source }: UnpricedAttempt, cost: number | null): PriceState {
  if (generation_id !== null) return 'pending';
  if (usage_source === 'estimated') return 'given_up';
  return cost === null ? 'no_price' : 'priced';
}

function isKnown(cost: number | null): cost is number {
  return cost !== null;
}

function sum(list: readonly number[]): number {
  return list.reduce((total, value) => total + value, 0);
}
