import type { UsageEvent } from '../../shared/usage-event.ts';
import { UNKNOWN_USAGE } from '../metering/usage.ts';
import type { Reservation } from './books.ts';

/** The usage event of an accepted request of which no end was ever heard: its isolate is gone, and with it what it cost. */
export function abandoned(reservation: Reservation, now: number): UsageEvent {
  return {
    request_id: reservation.requestId,
    user_id: reservation.userId,
    key_id: reservation.keyId,
    endpoint: reservation.endpoint,
    requested_model: reservation.requestedModel,
    ...UNKNOWN_USAGE,
    status: 500,
    extra_cost_nano_usd: 0,
    unpriced_attempts: 1,
    unpriced: [],
    latency_ms: Math.max(0, now - reservation.arrivedAt),
    ttft_ms: null,
    attempts: 0,
    created_at: reservation.arrivedAt,
  };
}
