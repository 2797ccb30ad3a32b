import { firstIdOf } from '../../shared/ids.ts';
import type { UsageEvent } from '../../shared/usage-event.ts';

/** Accounts that send, and each one's keys. */
export const ACCOUNTS = 1_000;
const KEYS_EACH = 2;

/** An account uses three of them. */
const MODELS = [
  'anthropic/claude-sonnet-4.5',
  'anthropic/claude-haiku-4.5',
  'openai/gpt-5-mini',
  'openai/gpt-5',
  'google/gemini-2.5-flash',
  'google/gemini-2.5-pro',
  'deepseek/deepseek-chat-v3.1',
  'meta-llama/llama-3.3-70b-instruct',
] as const;
const MODELS_EACH = 3;

/** Streams that broke and did not tell their cost: estimated, to be asked for. */
const ESTIMATED = 0.02;
/** Answers with tokens and no cost: priced by the price book. */
const WITHOUT_COST = 0.01;
const FAILED = 0.01;

/** The ids of an account and of its keys, by its number from 0. */
export function accountOf(n: number): { user: string; keys: string[] } {
  const tail = n.toString(16).padStart(12, '0');
  return {
    user: `account-${n.toString().padStart(4, '0')}`,
    keys: Array.from({ length: KEYS_EACH }, (_, key) => `key_0199a000-000${key}-7000-8000-${tail}`),
  };
}

/**
 * Usage events as an ordinary day brings them: many accounts, the first of them far busier than the last, a few models
 * each, some requests that fail and some attempts whose cost is not told. The same random numbers make the same ones.
 *
 * @param times Unix ms at which the requests arrive.
 */
export function eventsAt(times: Iterable<number>, random: () => number): UsageEvent[] {
  return Array.from(times, (at) => eventAt(at, random));
}

function eventAt(at: number, random: () => number): UsageEvent {
  const n = Math.floor(ACCOUNTS * random() ** 2);
  const { user, keys } = accountOf(n);
  const model = MODELS[(n + Math.floor(MODELS_EACH * random() ** 2)) % MODELS.length] ?? MODELS[0];
  const input = Math.floor(50 + 8_000 * random() ** 3);
  const output = Math.floor(5 + 1_500 * random() ** 2);
  const ttft = Math.floor(150 + 2_000 * random() ** 2);
  const generation = `gen-${Math.floor(at / 1000)}-${hex(random, 20)}`;
  const event: UsageEvent = {
    request_id: idAt(at, random),
    user_id: user,
    key_id: keys[Math.floor(keys.length * random() ** 2)] ?? '',
    endpoint: '/v1/chat/completions',
    requested_model: model,
    model,
    provider: 'Provider',
    generation_id: generation,
    status: 200,
    finish_reason: 'stop',
    input_tokens: input,
    output_tokens: output,
    cached_tokens: random() < 0.3 ? Math.floor(input / 2) : 0,
    cache_write_tokens: 0,
    reasoning_tokens: 0,
    cost_nano_usd: input * 300 + output * 1_500,
    extra_cost_nano_usd: 0,
    unpriced_attempts: 0,
    unpriced: [],
    usage_source: 'provider',
    latency_ms: ttft + output * 12,
    ttft_ms: ttft,
    attempts: 1,
    created_at: at,
  };
  const kind = random();
  if (kind < ESTIMATED) return unpriced(event, 'estimated');
  if (kind < ESTIMATED + WITHOUT_COST) return unpriced(event, 'provider');
  if (kind < ESTIMATED + WITHOUT_COST + FAILED) return failed(event);
  return event;
}

/** One whose attempt did not tell its cost. */
function unpriced(event: UsageEvent, source: 'estimated' | 'provider'): UsageEvent {
  const { input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens } = event;
  const tokens = { input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens };
  const estimated = source === 'estimated';
  return {
    ...event,
    ...(estimated && { status: 502, finish_reason: 'error' }),
    cost_nano_usd: null,
    unpriced_attempts: 1,
    usage_source: source,
    unpriced: [
      {
        ...tokens,
        model: event.requested_model,
        generation_id: estimated ? event.generation_id : null,
        usage_source: source,
        images: 0,
        relayed: true,
      },
    ],
  };
}

/** One that no provider answered. */
function failed(event: UsageEvent): UsageEvent {
  const nothing = { input_tokens: 0, output_tokens: 0, cached_tokens: 0, cost_nano_usd: 0 };
  const unknown = { model: null, provider: null, generation_id: null, finish_reason: null, ttft_ms: null };
  return { ...event, ...nothing, ...unknown, status: 502, latency_ms: 1_500, attempts: 3 };
}

/** A UUIDv7 of a time. */
function idAt(at: number, random: () => number): string {
  const [rest, variant] = [hex(random, 18), (8 + Math.floor(4 * random())).toString(16)];
  return `${firstIdOf(at)}-7${rest.slice(0, 3)}-${variant}${rest.slice(3, 6)}-${rest.slice(6)}`;
}

function hex(random: () => number, length: number): string {
  let digits = '';
  while (digits.length < length)
    digits += Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return digits.slice(0, length);
}

/** The prices of all models, as rows of `model_prices`. */
export function prices(): { model: string; prompt: string; completion: string }[] {
  return MODELS.map((model) => ({ model, prompt: '0.0000003', completion: '0.0000015' }));
}
