import type { UsageEvent } from '../../shared/usage-event.ts';
import type { Reservation } from './books.ts';

/** The usage event of an accepted request of which no end was ever heard: its isolate is gone, and with it what it cost. */
export function abandoned(reservation: Reservation, now: number): UsageEvent {
  return {
    request_id: reservation.requestId,
    user_id: reservation.userId,
    key_id: reservation.keyId,
    endpoint: reservation.endpoint,
    requested_model: reservation.requestedModel,
    model: null,
    provider: null,
    generation_id: null,
    status: 500,
    finish_reason: null,
    input_tokens: null,
    output_tokens: null,
    cached_tokens: null,
    cache_write_tokens: null,
    reasoning_tokens: null,
    cost_nano_usd: null,
    extra_cost_nano_usd: 0,
    unpriced_attempts: 0,
    usage_source: 'unknown',
    latency_ms: Math.max(0, now - reservation.arrivedAt),
    ttft_ms: null,
    attempts: 0,
    created_at: reservation.arrivedAt,
  };
}
