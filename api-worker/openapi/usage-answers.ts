import * as z from 'zod';
import { PRICE_CLASSES, type Prices } from '../../shared/price-overrides.ts';
import { USAGE_SOURCES } from '../../shared/usage-event.ts';
import { PERMISSIONS } from '../auth/principal.ts';
import { SUMS } from '../routes/usage/query.ts';
import { count, pageOf, text, usd } from './answer-parts.ts';

/** What is answered to who asks for usage, for its description alone, as in answers.ts. */

const asked = text.meta({ description: '`*`: all accounts.' });
const known = count.nullable();
const nano = z.int();

export const KeyInUse = z.object({
  object: z.literal('key'),
  id: text.meta({ description: '`jwt` for a token.' }),
  name: text.nullable().meta({ description: 'Null for a token, or while it cannot be read.' }),
  user_id: text,
  tier: text
    .nullable()
    .meta({ description: "The key's own, or else its account's. Null for a token, or while it cannot be read." }),
  permissions: z.array(z.enum(PERMISSIONS)),
  rate_limit: count.nullable().meta({ description: "Requests a minute of this key alone; null: the account's." }),
  expires_at: z.iso.datetime().nullable(),
});

const sums = z.object({
  ...(Object.fromEntries(SUMS.map((sum) => [sum, count])) as Record<(typeof SUMS)[number], typeof count>),
  cost_usd: usd,
});
const resetsAt = { resets_at: z.iso.datetime() };
const rate = z.object({ limit: count, remaining: count, ...resetsAt });
const quota = z.object({ limit: count.nullable(), used: count, remaining: count.nullable(), ...resetsAt });
const budget = z.object({
  limit_usd: usd.nullable(),
  used_usd: usd,
  held_usd: usd.meta({ description: 'For requests whose cost is not known yet.' }),
  held_requests: z.int().meta({ description: 'How many they are.' }),
  reserved_usd: usd.meta({ description: 'By requests in flight.' }),
  remaining_usd: usd.nullable(),
  ...resetsAt,
});

export const Usage = z.object({
  object: z.literal('usage'),
  user_id: asked,
  start: z.iso.datetime(),
  end: z.iso.datetime(),
  group_by: z.array(text),
  data: z.array(
    sums.extend({
      user: text.optional(),
      model: text.optional(),
      key: text.optional(),
      day: text.meta({ examples: ['2026-11-03'] }).optional(),
      hour: text.meta({ examples: ['2026-11-03T08:00:00Z'] }).optional(),
    }),
  ),
  total: sums,
  limits: z
    .object({
      requests_per_minute: rate,
      tokens_per_minute: rate.nullable(),
      concurrent_requests: z.object({ limit: count.nullable(), in_progress: count }),
      requests_per_month: quota,
      tokens_per_month: quota,
      budget_day: budget,
      budget_month: budget,
    })
    .nullable()
    .meta({
      description: "What the caller's limits leave; null for another account or all, or while they cannot be read.",
    }),
});

const percentiles = z.object({
  requests: count,
  p50: count.nullable(),
  p95: count.nullable(),
  p99: count.nullable(),
});

export const Latency = z.object({
  object: z.literal('latency'),
  start: z.iso.datetime(),
  end: z.iso.datetime(),
  user_id: asked.nullable(),
  group_by: z.array(text),
  data: z.array(
    z.object({
      model: text.optional(),
      key: text.optional(),
      day: text.optional(),
      hour: text.optional(),
      latency_ms: percentiles.meta({ description: 'To the last byte.' }),
      ttft_ms: percentiles.meta({ description: 'To the first event, of requests that were sent one.' }),
    }),
  ),
});

const tokens = {
  input_tokens: known,
  output_tokens: known,
  cached_tokens: known,
  cache_write_tokens: known,
  reasoning_tokens: known,
};

const request = {
  request_id: text.meta({ description: 'The `x-request-id` of its answer.' }),
  user_id: text,
  key_id: text,
  endpoint: text.meta({ examples: ['/v1/chat/completions'] }),
  requested_model: text,
  model: text.nullable().meta({ description: "That answered, in the upstream's words; null: none did." }),
  provider: text.nullable(),
  status: z.int().meta({ description: '502: its stream broke after a 200. 499: the client left.' }),
  finish_reason: text.nullable(),
  ...tokens,
  cost_nano_usd: nano.nullable().meta({ description: 'Of all attempts. Null, as of tokens: nobody knows.' }),
  cost_usd: usd.nullable(),
  extra_cost_nano_usd: nano.meta({ description: 'Part of it: attempts of which the client got nothing.' }),
  unpriced_attempts: z.int().meta({ description: 'Attempts whose cost is missing or an estimate.' }),
  usage_source: z.enum(USAGE_SOURCES).meta({ description: 'Of the latest correction, if there is one.' }),
  latency_ms: count,
  ttft_ms: known.meta({ description: 'To the first event; null: none was sent.' }),
  attempts: count.meta({ description: 'Calls of the upstream.' }),
  created_at: z.iso.datetime(),
};

export const RequestPage = pageOf(
  z.object({ ...request, corrections: count.meta({ description: 'How many there are: summed up above.' }) }),
).extend({
  last_id: text
    .nullable()
    .meta({ description: 'What to go on with, as `after`: of the last request, or `scanned_to`.' }),
  scanned_to: text.nullable().meta({
    description: 'How far the ledger was looked at: a request or a millisecond, as ids begin. Null: to its end.',
    examples: ['019ab2c3-4d5e'],
  }),
});

const decimal = text.nullable().meta({ examples: ['0.00000025'] });
const difference = z.int().nullable();
export const Receipt = z.object({
  object: z.literal('request'),
  ...request,
  corrections: z
    .array(
      z.object({
        adjustment: text.meta({ examples: ['reconciled 0.1'] }),
        recorded_at: z.iso.datetime(),
        usage_source: z.enum(USAGE_SOURCES),
        unpriced_attempts: difference,
        ...(Object.fromEntries(Object.keys(tokens).map((name) => [name, difference])) as Record<
          keyof typeof tokens,
          typeof difference
        >),
        cost_nano_usd: difference,
        extra_cost_nano_usd: difference,
        cost_usd: usd.nullable(),
      }),
    )
    .meta({ description: 'What was found out later: the differences that it made, already summed up above.' }),
  unpriced: z
    .array(
      z.object({
        attempt: count,
        model: text,
        state: z.enum(['pending', 'reconciled', 'given_up', 'priced', 'no_price']),
        usage_source: z.enum(['provider', 'reconciled', 'estimated']),
        ...tokens,
        images: count,
        cost_nano_usd: known,
        relayed: z.boolean().meta({ description: 'Whether the client got any of it.' }),
        asked: count.meta({ description: 'Times that the upstream was asked for its cost.' }),
        generation_id: text.nullable(),
      }),
    )
    .meta({ description: 'Attempts that did not tell their own cost, as they stand.' }),
  price: z
    .object({
      model: text,
      valid_from: z.iso.datetime(),
      source: z.enum(['upstream', 'operator']),
      ...(Object.fromEntries(PRICE_CLASSES.map((name) => [name, decimal])) as Record<keyof Prices, typeof decimal>),
      overrides: z.array(z.looseObject({})).nullable(),
    })
    .nullable()
    .meta({
      description:
        'What the price book had for the model when the request came; null: nothing. The cost is by it only where the upstream did not say.',
    }),
});
