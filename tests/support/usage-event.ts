import { uuidv7 } from '../../shared/ids.ts';
import type { UsageEvent } from '../../shared/usage-event.ts';

/** A usage event of an ordinary request, with some of it changed. */
export function usageEvent(change: Partial<UsageEvent> = {}): UsageEvent {
  return {
    request_id: uuidv7(),
    user_id: 'alice',
    key_id: 'key_alice',
    endpoint: '/v1/chat/completions',
    requested_model: 'a/one',
    model: 'a/one',
    provider: null,
    generation_id: null,
    status: 200,
    finish_reason: 'stop',
    input_tokens: 10,
    output_tokens: 5,
    cached_tokens: 4,
    cache_write_tokens: 1,
    reasoning_tokens: 1,
    cost_nano_usd: 1_500,
    extra_cost_nano_usd: 0,
    unpriced_attempts: 0,
    unpriced: [],
    usage_source: 'provider',
    latency_ms: 1,
    ttft_ms: 1,
    attempts: 1,
    created_at: Date.now(),
    ...change,
  };
}
