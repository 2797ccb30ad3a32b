import type { UsageEvent } from '../../shared/usage-event.ts';
import type { Settlement } from '../limits/books.ts';
import type { Ending } from '../upstream/answer-client.ts';
import { clientError } from '../upstream/client-error.ts';
import type { Journal } from '../upstream/failover.ts';
import type { AttemptFailure } from '../upstream/failure.ts';
import { type MeteredUsage, meter } from './usage.ts';

/** What is known of a request before it is answered. Times in Unix ms. */
export interface RequestFacts {
  requestId: string;
  userId: string;
  keyId: string;
  endpoint: string;
  requestedModel: string;
  streamed: boolean;
  arrivedAt: number;
}

/** How a request ended: its usage event, and what only the log tells. */
export interface RequestOutcome {
  event: UsageEvent;
  failures: readonly string[];
}

/** Waits for the end and reads what it cost. Never rejects. */
export async function outcomeOf(
  facts: RequestFacts,
  journal: Journal,
  ending: Promise<Ending>,
): Promise<RequestOutcome> {
  const ended = await ending;
  const endedAt = Date.now();
  const { usage, status, ttftMs } =
    'failure' in ended ? unanswered(ended.failure, facts) : await answered(ended, facts);
  const event: UsageEvent = {
    request_id: facts.requestId,
    user_id: facts.userId,
    key_id: facts.keyId,
    endpoint: facts.endpoint,
    requested_model: facts.requestedModel,
    ...usage,
    status,
    latency_ms: Math.max(0, endedAt - facts.arrivedAt),
    ttft_ms: ttftMs,
    attempts: journal.attempts,
    created_at: facts.arrivedAt,
  };
  return { event, failures: journal.failures };
}

/** What a usage event settles a reservation by. */
export function settlementOf({ input_tokens, output_tokens, cost_nano_usd }: UsageEvent): Settlement {
  const known = input_tokens !== null && output_tokens !== null;
  return { tokens: known ? input_tokens + output_tokens : null, costNanoUsd: cost_nano_usd };
}

interface Reading {
  usage: MeteredUsage['fields'];
  status: number;
  ttftMs: number | null;
}

async function answered({ answer, end }: Extract<Ending, { answer: unknown }>, facts: RequestFacts): Promise<Reading> {
  const transcript = await answer.transcript;
  const { fields, failed } = meter(transcript.text, answer.contentType.includes('text/event-stream'));
  const usage = {
    ...fields,
    generation_id: answer.generationId ?? fields.generation_id,
    model: fields.model ?? answer.model,
  };
  const status = end === 'client_left' ? 499 : end === 'upstream_died' || failed ? 502 : 200;
  return { usage, status, ttftMs: Math.max(0, answer.firstEventAt - facts.arrivedAt) };
}

/** An upstream that said no charges nothing; one that fell silent may have charged all the same. */
function unanswered(failure: AttemptFailure, facts: RequestFacts): Reading {
  const refused = failure.kind === 'refused';
  const none = refused ? 0 : null;
  return {
    usage: {
      model: null,
      provider: null,
      generation_id: null,
      finish_reason: null,
      input_tokens: none,
      output_tokens: none,
      cached_tokens: none,
      cache_write_tokens: none,
      reasoning_tokens: none,
      cost_nano_usd: none,
      usage_source: refused ? 'provider' : 'unknown',
    },
    status: clientError(failure, facts.requestedModel).status,
    ttftMs: null,
  };
}
