import * as z from 'zod';
import { PRICE_CLASSES, type Prices } from '../../shared/price-overrides.ts';
import { PERMISSIONS } from '../auth/principal.ts';
import { Limits } from '../limits/limits.ts';
import { COUNTS as BILLED } from '../routes/admin/billing.ts';
import { LETTER_STATES } from '../routes/admin/dead-letters/letters.ts';
import { count, listOf, pageOf, seconds, text, usd } from './answer-parts.ts';

/**
 * What the API answers, for its description alone: nothing is checked by it at run time. Loose where the
 * upstream's answer passes through.
 */

const finishReason = text.nullable();

export const ApiErrorAnswer = z.object({
  error: z.object({ message: text, type: text, param: text.nullable(), code: text.nullable() }),
});

const TokenUsage = z.looseObject({
  prompt_tokens: count,
  completion_tokens: count.optional(),
  total_tokens: count,
  cost: z.number().optional().meta({ description: 'Dollars, as the upstream says.' }),
});

const ToolCall = z.looseObject({ id: text, type: text, function: z.looseObject({ name: text, arguments: text }) });

export const ChatCompletion = z.looseObject({
  id: text,
  object: z.literal('chat.completion'),
  created: seconds,
  model: text,
  choices: z.array(
    z.looseObject({
      index: count,
      message: z.looseObject({
        role: z.literal('assistant'),
        content: text.nullable().meta({ examples: ['Hello!'] }),
        tool_calls: z.array(ToolCall).optional(),
      }),
      finish_reason: finishReason,
    }),
  ),
  usage: TokenUsage.optional(),
});

export const ChatCompletionChunk = z.looseObject({
  id: text,
  object: z.literal('chat.completion.chunk'),
  created: seconds,
  model: text,
  choices: z.array(
    z.looseObject({
      index: count,
      delta: z.looseObject({ role: text.optional(), content: text.nullish().meta({ examples: ['Hel'] }) }),
      finish_reason: finishReason.optional(),
    }),
  ),
  usage: TokenUsage.nullish(),
});

export const Completion = z.looseObject({
  id: text,
  object: z.literal('text_completion'),
  created: seconds,
  model: text,
  choices: z.array(z.looseObject({ index: count, text, finish_reason: finishReason })),
  usage: TokenUsage.nullish(),
});

export const ResponseAnswer = z.looseObject({
  id: text,
  object: z.literal('response'),
  created_at: z.number(),
  model: text,
  status: text.optional(),
  output: z.array(z.looseObject({ type: text })),
  usage: z.looseObject({ input_tokens: count, output_tokens: count, total_tokens: count }).nullish(),
});

export const ResponseEvent = z.looseObject({ type: text.meta({ examples: ['response.output_text.delta'] }) });

export const EmbeddingList = z.looseObject({
  object: z.literal('list'),
  data: z.array(
    z.looseObject({
      object: z.literal('embedding'),
      index: count,
      embedding: z.union([z.array(z.number()), text]).meta({ description: 'As text: base64 of little-endian floats.' }),
    }),
  ),
  model: text,
  usage: TokenUsage.optional(),
});

export const CacheEmptied = z.object({
  object: z.literal('cache.emptied'),
  generation: count.meta({ description: 'How many times the account has emptied its cache.' }),
});

export const Model = z.object({ id: text, object: z.literal('model'), created: seconds, owned_by: text });
export const ModelList = listOf(Model);

const state = z.enum(['up', 'down', 'off']);
export const HealthAnswer = z.object({
  status: z.enum(['ok', 'degraded', 'down']),
  components: z.object({ database: state, upstream: state, analytics: state }),
  checked_at: z.iso.datetime(),
});

const bucketsOf = <T extends z.ZodType>(result: T) =>
  z.object({
    object: z.literal('page'),
    data: z.array(
      z.object({ object: z.literal('bucket'), start_time: seconds, end_time: seconds, results: z.array(result) }),
    ),
    has_more: z.boolean(),
    next_page: text.nullable(),
  });

export const OrganizationUsage = bucketsOf(
  z.object({
    object: z.literal('organization.usage.completions.result'),
    input_tokens: count,
    input_cached_tokens: count,
    input_cache_write_tokens: count,
    input_uncached_tokens: count,
    output_tokens: count,
    input_audio_tokens: count,
    output_audio_tokens: count,
    num_model_requests: count,
    project_id: z.null(),
    user_id: text.nullable(),
    api_key_id: text.nullable(),
    model: text.nullable(),
    batch: z.null(),
    service_tier: z.null(),
  }),
);

export const OrganizationCosts = bucketsOf(
  z.object({
    object: z.literal('organization.costs.result'),
    amount: z.object({ value: z.number(), currency: z.literal('usd') }),
    line_item: text.nullable(),
    project_id: z.null(),
    api_key_id: text.nullable(),
    quantity: z.null(),
    quantity_unit: z.null(),
  }),
);

export const User = z.object({
  object: z.literal('user'),
  id: text,
  name: text,
  tier: text,
  is_active: z.boolean(),
  limits: Limits.meta({ description: "The account's own; null: as its tier." }),
  created_at: seconds,
});
export const UserPage = pageOf(User);

export const Key = z.object({
  object: z.literal('api_key'),
  id: text,
  user_id: text,
  name: text,
  prefix: text,
  permissions: z.array(z.enum(PERMISSIONS)),
  rate_limit: count.nullable(),
  tier: text.nullable(),
  resume: z.boolean(),
  privacy: z.boolean(),
  is_active: z.boolean(),
  created_at: seconds,
  expires_at: seconds.nullable(),
  last_used_at: seconds.nullable(),
});
export const KeyPage = pageOf(Key);
const shownOnce = { key: text.meta({ description: 'Shown this once.' }) };
export const NewKey = Key.extend(shownOnce);
export const RotatedKey = Key.extend({ ...shownOnce, rotated: Key });
export const KeyRevoked = z.object({ object: z.literal('api_key.deleted'), id: text, deleted: z.literal(true) });

export const Tier = z.object({ object: z.literal('tier'), id: text, limits: Limits });
export const TierList = listOf(Tier);

const decimal = text.nullable().meta({ examples: ['0.00000025'] });
export const ModelPrice = z.object({
  object: z.literal('model_price'),
  id: text,
  model: text,
  valid_from: seconds.meta({ description: "0: for all time before the model's next price." }),
  canonical_slug: text.nullable().meta({ description: 'The dated name under which its answers come.' }),
  ...(Object.fromEntries(PRICE_CLASSES.map((name) => [name, decimal])) as Record<keyof Prices, typeof decimal>),
  overrides: z
    .array(z.looseObject({}))
    .nullable()
    .meta({ description: 'Other prices under conditions, as the upstream lists them.' }),
  source: z.enum(['upstream', 'operator']),
  created_at: seconds,
});
export const ModelPricePage = pageOf(ModelPrice);

const rerated = z.object({
  attempts: count,
  changed: count.meta({ description: 'Of these, that get another price.' }),
  without_price: count.meta({ description: 'Of these, for whose model there is none. They count as 0 in the sums.' }),
  before_nano_usd: count,
  after_nano_usd: count,
  difference_nano_usd: z.int(),
});
export const Rerating = rerated.extend({
  object: z.literal('rerating'),
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  dry_run: z.boolean().meta({ description: 'Whether nothing was written.' }),
  models: z.array(rerated.extend({ model: text })),
  archives: count.meta({ description: 'Archives of the ledger within the period: what is in them is not re-rated.' }),
  next: text.nullable().meta({ description: 'Where the next page begins; null: this was the last.' }),
});

export const AuditLogPage = pageOf(
  z.object({
    object: z.literal('audit_log.entry'),
    id: text,
    actor_user_id: text,
    actor_key_id: text,
    action: text.meta({ examples: ['key.rotate'] }),
    target: text,
    changes: z.record(text, z.unknown()),
    address: text.nullable(),
    request_id: text,
    created_at: seconds,
  }),
);

const billed = z.object({
  ...(Object.fromEntries(BILLED.map((name) => [name, count])) as Record<(typeof BILLED)[number], typeof count>),
  cost_usd: usd,
});

export const Billing = z.object({
  object: z.literal('billing'),
  month: text,
  start: z.iso.datetime(),
  end: z.iso.datetime(),
  closed: z.boolean().meta({
    description:
      'The month has been over for a day, none of its attempts is open, and no message that would bill one of its requests is stuck.',
  }),
  open_attempts: count.meta({
    description:
      'Of all accounts: what they cost is not final, as the upstream has not said yet, or no price is known.',
  }),
  unbilled_nano_usd: z.int().meta({ description: 'Of all accounts: what stuck messages would add to the month.' }),
  data: z.array(billed.extend({ user_id: text, model: text })),
  accounts: z.array(billed.extend({ user_id: text })),
  total: billed,
});

export const AlertList = listOf(
  z.object({
    object: z.literal('alert'),
    name: text.meta({ examples: ['error_rate'] }),
    state: z.enum(['ok', 'firing']),
    value: z.number().nullable().meta({ description: 'As last measured; null: it could not be.' }),
    threshold: z.number(),
    changed_at: seconds,
    told_at: seconds.nullable().meta({ description: 'Null: the change has not been told yet.' }),
    checked_at: seconds,
  }),
);

const nano = z.int();
const comparison = z.object({
  object: z.literal('account_comparison'),
  id: text,
  compared_at: seconds,
  upstream_nano_usd: nano,
  ledger_nano_usd: nano,
  difference_nano_usd: nano.meta({ description: 'upstream - ledger' }),
  drift_nano_usd: nano.meta({ description: 'By how much the difference has changed since the day before.' }),
  difference_usd: usd,
  drift_usd: usd,
});
export const AccountComparisonPage = pageOf(comparison);

export const Upstream = z.object({
  object: z.literal('upstream'),
  status: z.enum(['ok', 'error']).meta({ description: 'As `/health` sees it.' }),
  base_url: text.meta({ examples: ['https://openrouter.ai/api/v1'] }),
  checked_at: z.iso.datetime(),
  models: count.nullable().meta({ description: 'How many it lists; null: its list cannot be had.' }),
  circuits: z
    .array(z.object({ model: text, open_until: z.iso.datetime() }))
    .meta({ description: 'Models that are passed over for the moment, as far as is known here.' }),
  latest_comparison: comparison
    .nullable()
    .meta({ description: 'Null before the first, and while the database is away.' }),
});

const letter = z.object({
  object: z.literal('dead_letter'),
  id: text,
  queue: text,
  state: z.enum(LETTER_STATES),
  reason: text,
  attempts: count.meta({ description: 'Deliveries from that queue.' }),
  request_id: text.nullable(),
  cost_nano_usd: z.int().nullable().meta({ description: 'As the message says.' }),
  unbilled_nano_usd: z.int().meta({ description: 'What the ledger lacks for it.' }),
  created_at: seconds.meta({ description: 'When the message was sent.' }),
  stored_at: seconds,
  state_at: seconds.nullable().meta({ description: 'When it was replayed or discarded.' }),
});
export const DeadLetterPage = pageOf(letter);
export const DeadLetter = letter.extend({ body: z.unknown() });

const letters = z.object({
  count,
  oldest_at: seconds.nullable(),
  unbilled_nano_usd: z.int(),
  unbilled_usd: usd,
});
export const DeadLetterSummary = z.object({
  object: z.literal('dead_letter.summary'),
  data: z.array(letters.extend({ queue: text, state: z.enum(LETTER_STATES) })),
  stuck: letters,
});

export const DeadLetterChanges = pageOf(
  z.object({
    object: z.literal('dead_letter.change'),
    id: text,
    queue: text,
    request_id: text.nullable(),
    cost_nano_usd: z.int().nullable(),
    outcome: z.enum(['will_be_billed', 'will_be_delivered', 'in_ledger', 'refused', 'failed', 'discarded']).meta({
      description:
        '`will_be_billed`, `will_be_delivered`: sent to its queue. `in_ledger`: billed before, so nothing was sent. `failed`: may be tried again.',
    }),
    why: text.nullable().meta({ description: 'Where it was refused or failed.' }),
  }),
).extend({ dry_run: z.boolean().meta({ description: 'Whether nothing was done: outcomes are what would be.' }) });

export const LedgerArchive = z.object({
  object: z.literal('ledger.archive'),
  id: text.meta({ description: 'The key of its object in the bucket.' }),
  state: z.enum(['stored', 'moved', 'restored']).meta({
    description:
      'Where its rows are: `stored`: in the bucket, and still in the database. `moved`: in the bucket alone.',
  }),
  first_request_id: text,
  last_request_id: text,
  rows: count.meta({ description: 'Of the ledger, corrections included.' }),
  cost_nano_usd: z.int(),
  sha256: text,
  archived_at: seconds,
  deleted_at: seconds.nullable().meta({ description: 'When its rows left the database.' }),
  restored_at: seconds.nullable(),
  restored_until: seconds.nullable().meta({ description: 'When restored rows leave again.' }),
});
export const LedgerArchivePage = pageOf(LedgerArchive);
