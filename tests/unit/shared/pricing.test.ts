import { describe, expect, it } from 'vitest';
import { priceBook } from '../../../shared/price-book.ts';
import { billedBy } from '../../../shared/pricing.ts';
import type { UnpricedAttempt } from '../../../shared/usage-event.ts';
import { usageEvent } from '../../support/usage-event.ts';

const PRICES = priceBook([
  {
    ...{ model: 'a/priced', valid_from: 0, canonical_slug: null, prompt: '0.000001', completion: '0.000002' },
    ...{ input_cache_read: null, input_cache_write: null, internal_reasoning: null, image: null, request: null },
    overrides: null,
  },
]);
const attempt = (change: Partial<UnpricedAttempt> = {}): UnpricedAttempt => ({
  ...{ model: 'a/priced', generation_id: null, usage_source: 'provider', input_tokens: 10, output_tokens: 5 },
  ...{ cached_tokens: null, cache_write_tokens: null, reasoning_tokens: null, images: 0, relayed: true },
  ...change,
});
const billed = (told: number | null, ...unpriced: UnpricedAttempt[]) =>
  billedBy(usageEvent({ cost_nano_usd: told, unpriced, unpriced_attempts: unpriced.length }), PRICES);

describe('a request in the ledger', () => {
  it('costs what the upstream told, to the nano-dollar', () => {
    expect(billed(1_234)).toMatchObject({ event: { cost_nano_usd: 1_234, unpriced_attempts: 0 }, attempts: [] });
  });

  it('costs what told attempts and own prices come to', () => {
    expect(billed(1_000, attempt(), attempt({ relayed: false }))).toMatchObject({
      event: { cost_nano_usd: 41_000, extra_cost_nano_usd: 20_000, unpriced_attempts: 0 },
      attempts: [{ state: 'priced' }, { state: 'priced' }],
    });
  });

  it('stays unpriced as long as an attempt is an estimate or has no price', () => {
    const pending = attempt({ generation_id: 'gen-1', usage_source: 'estimated' });
    const silent = attempt({ usage_source: 'estimated' });
    const unknown = attempt({ model: 'no/price' });
    expect(billed(null, pending, silent, unknown)).toMatchObject({
      event: { cost_nano_usd: 40_000, unpriced_attempts: 3 },
      attempts: [{ state: 'pending' }, { state: 'given_up' }, { state: 'no_price', cost_nano_usd: null }],
    });
  });

  it('has a cost of NULL, and an unpriced attempt, where nobody knows anything', () => {
    expect(billed(null).event).toMatchObject({ cost_nano_usd: null, unpriced_attempts: 1 });
    expect(billed(null, attempt({ model: 'no/price' })).event).toMatchObject({
      cost_nano_usd: null,
      unpriced_attempts: 1,
    });
  });
});
