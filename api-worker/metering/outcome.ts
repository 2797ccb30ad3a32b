import type { UsageEvent } from '../../shared/usage-event.ts';
import type { Env } from '../env.ts';
import type { Settlement } from '../limits/books.ts';
import type { Ending } from '../upstream/answer-client.ts';
import { clientError } from '../upstream/client-error.ts';
import { failuresOf, type Journal } from '../upstream/journal.ts';
import { meterAttempts } from './attempts.ts';
import type { Prompt } from './estimate.ts';

/** What is known of a request before it is answered. Times in Unix ms. */
export interface RequestFacts {
  requestId: string;
  userId: string;
  keyId: string;
  endpoint: string;
  requestedModel: string;
  arrivedAt: number;
  prompt: Prompt;
}

/** How a request ended: its usage event, and what only the log and the limiter are told. */
export interface RequestOutcome {
  event: UsageEvent;
  /** One line for each attempt that failed, and for each candidate that was not tried. */
  failures: readonly string[];
  skipped: readonly string[];
  /** What attempts whose cost is not known may have cost, at most. */
  heldNanoUsd: number;
}

/** Waits for the end and reads what it cost. Never rejects. */
export async function outcomeOf(
  env: Env,
  facts: RequestFacts,
  journal: Journal,
  ending: Promise<Ending>,
): Promise<RequestOutcome> {
  const ended = await ending;
  const endedAt = Date.now();
  const { fields, heldNanoUsd } = await meterAttempts(env, journal.attempts, facts.prompt);
  const stored = 'failure' in ended ? null : ended.stored;
  const firstEventAt = 'failure' in ended ? null : ended.firstEventAt;
  const event: UsageEvent = {
    request_id: facts.requestId,
    user_id: facts.userId,
    key_id: facts.keyId,
    endpoint: facts.endpoint,
    requested_model: facts.requestedModel,
    ...fields,
    // Given again, it costs nothing beyond attempts that were made in vain.
    ...(stored && { model: stored.model, finish_reason: stored.finishReason, usage_source: 'cache' as const }),
    status: statusOf(ended, facts),
    latency_ms: Math.max(0, endedAt - facts.arrivedAt),
    ttft_ms: firstEventAt === null ? null : Math.max(0, firstEventAt - facts.arrivedAt),
    attempts: journal.attempts.length,
    created_at: facts.arrivedAt,
  };
  return { event, failures: failuresOf(journal), skipped: journal.skipped, heldNanoUsd };
}

function statusOf(ended: Ending, { requestedModel }: RequestFacts): number {
  if ('failure' in ended) return clientError(ended.failure, requestedModel).status;
  if (ended.end === 'client_left') return 499;
  return ended.end === 'upstream_died' ? 502 : 200;
}

/** What a usage event settles a reservation by. */
export function settlementOf(
  { input_tokens, output_tokens, cost_nano_usd }: UsageEvent,
  heldNanoUsd: number,
): Settlement {
  const known = input_tokens !== null && output_tokens !== null;
  return { tokens: known ? input_tokens + output_tokens : null, costNanoUsd: cost_nano_usd, heldNanoUsd };
}
