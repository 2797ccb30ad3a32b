import fc from 'fast-check';
import { latencyBucket } from '../../../shared/latency.ts';
import { billedBy } from '../../../shared/pricing.ts';
import { type UnpricedAttempt, USAGE_SOURCES, type UsageEvent } from '../../../shared/usage-event.ts';
import { KEYS, NOW, requestId, rows } from './support.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const SUMMED = [
  'unpriced_attempts',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'cost_nano_usd',
  'extra_cost_nano_usd',
] as const;

const tokens = fc.option(fc.integer({ min: 0, max: 2_000_000 }));
const text = fc.string({ maxLength: 12 });
const unpriced: fc.Arbitrary<UnpricedAttempt> = fc.record({
  model: fc.constantFrom('a/model', 'no/price'),
  generation_id: fc.option(fc.constantFrom('gen-1', 'gen-2')),
  usage_source: fc.constantFrom('provider' as const, 'estimated' as const),
  input_tokens: tokens,
  output_tokens: tokens,
  cached_tokens: fc.constant(null),
  cache_write_tokens: fc.constant(null),
  reasoning_tokens: fc.constant(null),
  images: fc.nat({ max: 2 }),
  relayed: fc.boolean(),
});
const createdAt = fc.oneof(
  fc.integer({ min: NOW - 3 * DAY_MS, max: NOW }),
  // Edges of hours and days, the distant past, the distant future.
  fc.constantFrom(1, DAY_MS - 1, DAY_MS, NOW - (NOW % DAY_MS), NOW - (NOW % HOUR_MS) - 1, Date.UTC(2250, 0)),
);

/** Usage events with ids of their own. */
export const events: fc.Arbitrary<UsageEvent[]> = fc
  .array(
    fc.record({
      user_id: fc.constantFrom('account-1', 'account-2', "o'account"),
      key_id: fc.constantFrom(...KEYS, 'key-deleted'),
      endpoint: fc.constantFrom('/v1/chat/completions', '/v1/embeddings'),
      requested_model: fc.constantFrom('a/model', 'b/模型 "quoted"'),
      model: fc.option(fc.constantFrom('a/model', 'a/model-2026-01-01', 'b/模型 "quoted"')),
      provider: fc.option(text),
      generation_id: fc.option(text),
      status: fc.constantFrom(200, 200, 399, 400, 404, 429, 499, 500, 502, 599),
      finish_reason: fc.option(text),
      input_tokens: tokens,
      output_tokens: tokens,
      cached_tokens: tokens,
      cache_write_tokens: tokens,
      reasoning_tokens: tokens,
      cost_nano_usd: fc.option(fc.integer({ min: 0, max: 1_000_000_000_000 })),
      extra_cost_nano_usd: fc.integer({ min: 0, max: 1_000_000 }),
      unpriced: fc.array(unpriced, { maxLength: 2 }),
      usage_source: fc.constantFrom(...USAGE_SOURCES),
      latency_ms: fc.nat(),
      ttft_ms: fc.option(fc.nat()),
      attempts: fc.nat({ max: 9 }),
      created_at: createdAt,
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((list) =>
    list.map((event, n) => ({ request_id: requestId(n), ...event, unpriced_attempts: event.unpriced.length })),
  );

/** Events, and batches in which each of them is delivered up to three times, in any order. */
export const histories = events.chain((list) =>
  fc.record({
    events: fc.constant(list),
    batches: fc
      .array(fc.integer({ min: 1, max: 3 }), { minLength: list.length, maxLength: list.length })
      .map((copies) => list.flatMap((event, n) => Array<UsageEvent>(copies[n] ?? 1).fill(event)))
      .chain((all) => fc.shuffledSubarray(all, { minLength: all.length }))
      .chain((all) => fc.integer({ min: 1, max: all.length }).map((size) => chunk(all, size))),
  }),
);

function chunk<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, n) => list.slice(n * size, (n + 1) * size));
}

type Row = Record<string, unknown>;

/** A row of the ledger, as far as it was sent. */
type LedgerRow = Omit<UsageEvent, 'unpriced'> & { adjustment: string };

export interface Books {
  ledger: Row[];
  hourly: Row[];
  daily: Row[];
  latency: Row[];
}

/** Rows in an order that does not depend on the database's. */
function sorted(list: readonly Row[]): Row[] {
  const key = (row: Row) => JSON.stringify(Object.entries(row).toSorted());
  return list.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

function groupOf(row: LedgerRow, periodMs: number) {
  return [row.user_id, row.created_at - (row.created_at % periodMs), row.key_id, row.model ?? row.requested_model];
}

/** The rollup of ledger rows, added up one by one: what SQL's is compared with. */
function rollupOf(ledger: readonly LedgerRow[], period: 'hour' | 'day'): Row[] {
  const length = period === 'hour' ? HOUR_MS : DAY_MS;
  const groups = Map.groupBy(ledger, (row) => JSON.stringify(groupOf(row, length)));
  return [...groups].map(([group, list]) => {
    const [user_id, start, key_id, model] = JSON.parse(group);
    const sums = SUMMED.map((column) => [column, list.reduce((sum, row) => sum + (row[column] ?? 0), 0)]);
    const requests = list.filter(({ adjustment }) => adjustment === '');
    return {
      ...{ user_id, [period]: start, key_id, model },
      requests: requests.length,
      errors: requests.filter(({ status }) => status >= 400 && status !== 499).length,
      ...Object.fromEntries(sums),
    };
  });
}

/** The histograms of the rows of requests. */
function latencyOf(ledger: readonly LedgerRow[]): Row[] {
  const times = ledger
    .filter(({ adjustment }) => adjustment === '')
    .flatMap((row) =>
      (['latency', 'ttft'] as const).flatMap((measure) => {
        const ms = row[`${measure}_ms`];
        return ms === null ? [] : [JSON.stringify([...groupOf(row, HOUR_MS), measure, latencyBucket(ms)])];
      }),
    );
  return [...Map.groupBy(times, (group) => group)].map(([group, list]) => {
    const [user_id, hour, key_id, model, measure, up_to_ms] = JSON.parse(group);
    return { user_id, hour, key_id, model, measure, up_to_ms, requests: list.length };
  });
}

function booksOfRows(ledger: readonly LedgerRow[]): Books {
  return {
    ledger: sorted(ledger.map((row) => ({ ...row }))),
    hourly: sorted(rollupOf(ledger, 'hour')),
    daily: sorted(rollupOf(ledger, 'day')),
    latency: sorted(latencyOf(ledger)),
  };
}

/** What the tables must hold once these events have arrived, however they did, and nothing has a price. */
export function booksOf(list: readonly UsageEvent[]): Books {
  return booksOfRows(list.map((event) => ({ ...billedBy(event).event, adjustment: '' })));
}

async function ledgerRows(): Promise<LedgerRow[]> {
  const list = await rows<LedgerRow & { cost: unknown; recorded_at: unknown }>('SELECT * FROM usage_logs');
  return list.map(({ cost: _derived, recorded_at: _clock, ...row }) => row);
}

/** What the tables hold. */
export async function readBooks(): Promise<Books> {
  return {
    ledger: sorted((await ledgerRows()).map((row) => ({ ...row }))),
    hourly: sorted(await rows('SELECT * FROM usage_rollups_hourly')),
    daily: sorted(await rows('SELECT * FROM usage_rollups_daily')),
    latency: sorted(await rows('SELECT * FROM usage_latency_hourly')),
  };
}

/** What the rollups must hold beside the ledger's present rows, corrections included, whichever these are. */
export async function booksOfLedger(): Promise<Books> {
  return booksOfRows(await ledgerRows());
}
