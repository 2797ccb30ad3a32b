import type { AttemptRow, Correction } from './adjustments.ts';
import { type PriceBook, priceOf } from './price-book.ts';

/**
 * The correction that gives an attempt the price that the price book has for its time by now; null: it
 * has it, or the book has none, which takes none away. What the upstream has said stands.
 */
export function rerated(from: AttemptRow, prices: PriceBook): Correction | null {
  if (from.state === 'reconciled') return null;
  const cost_nano_usd = priceOf(prices, from, from.created_at);
  if (cost_nano_usd === null || cost_nano_usd === from.cost_nano_usd) return null;
  const { input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, usage_source } = from;
  return {
    from,
    by: 'rerated',
    to: {
      input_tokens,
      output_tokens,
      cached_tokens,
      cache_write_tokens,
      reasoning_tokens,
      usage_source,
      cost_nano_usd,
      state: from.state === 'no_price' ? 'priced' : from.state,
    },
  };
}
