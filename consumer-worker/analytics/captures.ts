import type { AnalyticsEvent } from '../../shared/analytics-event.ts';
import { uuidv5 } from '../../shared/ids.ts';
import { nanoToUsd } from '../../shared/money.ts';
import type { Env } from '../env.ts';
import type { Content } from './content.ts';
import { isEmbedding } from './is-embedding.ts';

/** An event as PostHog takes it. */
export interface Capture {
  event: string;
  distinctId: string;
  uuid: string;
  timestamp: Date;
  properties: Record<string, unknown>;
}

const KINDS = ['generation', 'conversation', 'usage'] as const;
export type Kind = (typeof KINDS)[number];

/** A client that left is no failure of the model's. */
const CLIENT_LEFT = 499;

/** The kinds of events that POSTHOG_EVENTS names; what it names besides is not known. */
export function kindsOf(variable: string): readonly Kind[] {
  const names = variable.split(',').map((name) => name.trim());
  return KINDS.filter((kind) => names.includes(kind));
}

/**
 * A request's events, by which PostHog knows again what it has already: it drops what is alike in date, name,
 * distinct_id and uuid. So all of these are made of the request alone.
 *
 * - `$ai_generation`, of embeddings `$ai_embedding`, whose uuid is the request's id;
 * - `$ai_conversation`, of every request that can be part of one, that is of all but embeddings, whether or not its
 *   client named the conversation: a request brings its whole conversation, so that its length tells something by itself;
 * - `$ai_usage`, of every request.
 */
export async function requestCaptures(
  env: Env,
  kinds: readonly Kind[],
  event: AnalyticsEvent,
  content: Content,
): Promise<Capture[]> {
  const captures: Capture[] = [];
  const { request_id, user_id, created_at } = event;
  const about = { distinctId: user_id, timestamp: new Date(created_at) };
  if (kinds.includes('generation')) {
    const properties = { ...generation(env, event), ...lengths(event, content), ...content.properties };
    const name = isEmbedding(event) ? '$ai_embedding' : '$ai_generation';
    captures.push({ ...about, event: name, uuid: request_id, properties });
  }
  if (kinds.includes('conversation') && !isEmbedding(event)) {
    captures.push({
      ...about,
      event: '$ai_conversation',
      uuid: await uuidv5(request_id, '$ai_conversation'),
      properties: conversation(event),
    });
  }
  if (kinds.includes('usage')) {
    captures.push({
      ...about,
      event: '$ai_usage',
      uuid: await uuidv5(request_id, '$ai_usage'),
      properties: usage(event),
    });
  }
  return captures;
}

/**
 * https://posthog.com/docs/ai-observability/generations#event-properties, of which those of
 * https://posthog.com/docs/llm-analytics/embeddings#event-properties are a part, and what we know besides.
 */
function generation(env: Env, event: AnalyticsEvent): Record<string, unknown> {
  const failed = event.status >= 400 && event.status !== CLIENT_LEFT;
  return {
    $ai_trace_id: event.request_id,
    $ai_span_id: event.request_id,
    $ai_span_name: event.endpoint,
    $ai_session_id: event.conversation_id,
    $ai_model: event.model ?? event.requested_model,
    $ai_provider: event.provider ?? 'openrouter',
    $ai_base_url: env.UPSTREAM_BASE_URL,
    $ai_input_tokens: known(event.input_tokens),
    $ai_output_tokens: known(event.output_tokens),
    $ai_cache_read_input_tokens: known(event.cached_tokens),
    $ai_cache_creation_input_tokens: known(event.cache_write_tokens),
    $ai_reasoning_tokens: known(event.reasoning_tokens),
    // Cached tokens are part of the input's, also of Claude, of whom PostHog would think otherwise.
    $ai_cache_reporting_exclusive: false,
    ...(event.cost_nano_usd !== null && { $ai_total_cost_usd: usd(event.cost_nano_usd), $ai_cost_passthrough: true }),
    $ai_latency: event.latency_ms / 1000,
    $ai_time_to_first_token: event.streamed && event.ttft_ms !== null ? event.ttft_ms / 1000 : undefined,
    $ai_http_status: event.status,
    $ai_is_error: failed,
    $ai_error: failed ? `HTTP ${event.status}` : undefined,
    $ai_stop_reason: known(event.finish_reason),
    $ai_stream: event.streamed,
    request_id: event.request_id,
    key_id: event.key_id,
    endpoint: event.endpoint,
    requested_model: event.requested_model,
    conversation_id: event.conversation_id,
    message_count: event.message_count,
    attempts: event.attempts,
    usage_source: event.usage_source,
  };
}

function lengths(event: AnalyticsEvent, { inputOmitted, outputOmitted }: Content): Record<string, unknown> {
  return {
    private: event.private,
    input_length: event.input_length,
    output_length: event.output_length,
    input_omitted: known(inputOmitted),
    output_omitted: known(outputOmitted),
  };
}

function conversation(event: AnalyticsEvent): Record<string, unknown> {
  return {
    request_id: event.request_id,
    conversation_id: event.conversation_id,
    message_count: event.message_count,
    /** Characters of the request and its answer, as they were sent. */
    conversation_length: event.input_length + event.output_length,
  };
}

function usage(event: AnalyticsEvent): Record<string, unknown> {
  const { input_tokens, output_tokens, cost_nano_usd } = event;
  return {
    request_id: event.request_id,
    key_id: event.key_id,
    model: event.model ?? event.requested_model,
    provider: event.provider,
    input_tokens,
    output_tokens,
    total_tokens: input_tokens === null || output_tokens === null ? null : input_tokens + output_tokens,
    cached_tokens: event.cached_tokens,
    cache_write_tokens: event.cache_write_tokens,
    reasoning_tokens: event.reasoning_tokens,
    cost_usd: cost_nano_usd === null ? null : usd(cost_nano_usd),
    usage_source: event.usage_source,
  };
}

/** PostHog takes costs as JSON numbers: the nearest double to the exact amount. */
function usd(nano: number): number {
  return Number(nanoToUsd(nano));
}

/** A property is not sent rather than null, for PostHog counts null as a value. */
function known<T>(value: T | null): T | undefined {
  return value ?? undefined;
}
