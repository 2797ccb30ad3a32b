import { randomFrom } from '../../load/upstream/random.ts';
import { firstIdOf } from '../../shared/ids.ts';
import type { UsageEvent } from '../../shared/usage-event.ts';
import { usageEvent } from './usage-event.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What is chosen how often, and what a token costs in nano-dollars; a cached one a tenth of an input token. */
const MODELS = [
  { name: 'openai/gpt-5-mini', weight: 9, input: 250, output: 2_000, msPerToken: 9 },
  { name: 'google/gemini-2.5-flash', weight: 7, input: 300, output: 2_500, msPerToken: 6 },
  { name: 'anthropic/claude-sonnet-4.5', weight: 4, input: 3_000, output: 15_000, msPerToken: 16 },
  { name: 'openai/gpt-5', weight: 2, input: 1_250, output: 10_000, msPerToken: 14 },
] as const;

type Model = (typeof MODELS)[number];
const DRAWN: readonly Model[] = MODELS.flatMap((model) => Array.from({ length: model.weight }, () => model));

/** The three keys of the account, and when they are used: by people who sleep, by fewer at weekends, at night. */
const KEYS = [
  { id: 'key_web-app', busy: (hour: number, isWeekend: boolean) => daylight(hour) * (isWeekend ? 0.6 : 1) },
  { id: 'key_support-bot', busy: (hour: number, isWeekend: boolean) => 0.5 * daylight(hour) * (isWeekend ? 0.2 : 1) },
  { id: 'key_nightly-batch', busy: (hour: number) => (hour >= 2 && hour < 5 ? 1.1 : 0) },
] as const;

interface Sample {
  userId: string;
  /** Unix ms, until when. */
  now: number;
  days?: number;
  /** Requests in a key's busiest hour, about. */
  perHour?: number;
  seed?: number;
}

/**
 * Usage events of an account as a month of it may bring them: four models, three keys, days and nights, weekends, a
 * bad afternoon on which a provider failed. The same arguments give the same events, the oldest first.
 */
export function sampleUsage({ userId, now, days = 30, perHour = 14, seed = 1 }: Sample): UsageEvent[] {
  const random = randomFrom(seed);
  const from = Math.floor(now / DAY_MS) * DAY_MS - (days - 1) * DAY_MS;
  const badHour = from + Math.floor(days * 0.7) * DAY_MS + 14 * HOUR_MS;
  const hours = Array.from({ length: Math.ceil((now - from) / HOUR_MS) }, (_, n) => from + n * HOUR_MS);
  return hours
    .flatMap((at) => {
      const grown = 0.6 + (0.7 * (at - from)) / (days * DAY_MS);
      const [hour, day] = [new Date(at).getUTCHours(), new Date(at).getUTCDay()];
      return KEYS.flatMap(({ id, busy }) => {
        const expected = perHour * grown * busy(hour, day === 0 || day === 6) * (0.7 + 0.6 * random());
        return Array.from({ length: Math.floor(expected + random()) }, () =>
          eventOf({ userId, keyId: id, at: at + Math.floor(random() * HOUR_MS), isBad: at === badHour }, random),
        );
      });
    })
    .filter(({ created_at }) => created_at < now)
    .toSorted((a, b) => a.created_at - b.created_at);
}

function daylight(hour: number): number {
  return Math.max(0.06, Math.sin((Math.PI * (hour - 5)) / 17));
}

interface Asked {
  userId: string;
  keyId: string;
  at: number;
  isBad: boolean;
}

function eventOf({ userId, keyId, at, isBad }: Asked, random: () => number): UsageEvent {
  const model = chosen(random());
  const identity = {
    request_id: idAt(at, random),
    user_id: userId,
    key_id: keyId,
    requested_model: model.name,
    created_at: at,
  };
  if (random() < (isBad ? 0.55 : 0.008)) {
    const nothing = { input_tokens: null, output_tokens: null, cached_tokens: null, cache_write_tokens: null };
    return usageEvent({
      ...identity,
      ...nothing,
      reasoning_tokens: null,
      model: null,
      status: 502,
      finish_reason: null,
      cost_nano_usd: 0,
      latency_ms: Math.round(2_000 + 9_000 * random()),
      ttft_ms: null,
      attempts: 3,
    });
  }
  const input = Math.round(300 + 9_000 * random() ** 3);
  const cached = random() < 0.4 ? Math.floor((input * 0.8) / 128) * 128 : 0;
  const output = Math.round(40 + 1_400 * random() ** 2);
  const ttft = Math.round(180 + 1_500 * random() ** 4);
  return usageEvent({
    ...identity,
    model: model.name,
    input_tokens: input,
    cached_tokens: cached,
    cache_write_tokens: 0,
    output_tokens: output,
    reasoning_tokens: model.name.startsWith('openai/') ? Math.round(output * 0.3) : 0,
    cost_nano_usd: (input - cached) * model.input + cached * (model.input / 10) + output * model.output,
    ttft_ms: ttft,
    latency_ms: ttft + Math.round(output * model.msPerToken * (0.7 + 0.6 * random())),
  });
}

/** A model, each as often as it weighs. */
function chosen(at: number): Model {
  return DRAWN[Math.floor(at * DRAWN.length)] ?? MODELS[0];
}

/** A UUIDv7 of a time. */
function idAt(at: number, random: () => number): string {
  const hex = (length: number) => Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('');
  return `${firstIdOf(at)}-7${hex(3)}-8${hex(3)}-${hex(12)}`;
}
