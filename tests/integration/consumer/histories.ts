import fc from 'fast-check';
import { USAGE_SOURCES, type UsageEvent } from '../../../shared/usage-event.ts';
import { KEYS, NOW, requestId, rows } from './support.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const SUMMED = [
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
      unpriced_attempts: fc.nat({ max: 2 }),
      usage_source: fc.constantFrom(...USAGE_SOURCES),
      latency_ms: fc.nat(),
      ttft_ms: fc.option(fc.nat()),
      attempts: fc.nat({ max: 9 }),
      created_at: createdAt,
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((list) => list.map((event, n) => ({ request_id: requestId(n), ...event })));

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

export interface Books {
  ledger: Row[];
  hourly: Row[];
  daily: Row[];
}

/** Rows in an order that does not depend on the database's. */
function sorted(list: readonly Row[]): Row[] {
  const key = (row: Row) => JSON.stringify(Object.entries(row).toSorted());
  return list.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** The rollup of ledger rows, added up one by one: what SQL's is compared with. */
function rollupOf(ledger: readonly UsageEvent[], period: 'hour' | 'day'): Row[] {
  const length = period === 'hour' ? HOUR_MS : DAY_MS;
  const groups = Map.groupBy(ledger, (row) =>
    JSON.stringify([
      row.user_id,
      row.created_at - (row.created_at % length),
      row.key_id,
      row.model ?? row.requested_model,
    ]),
  );
  return [...groups].map(([group, list]) => {
    const [user_id, start, key_id, model] = JSON.parse(group);
    const sums = SUMMED.map((column) => [column, list.reduce((sum, row) => sum + (row[column] ?? 0), 0)]);
    return {
      ...{ user_id, [period]: start, key_id, model },
      requests: list.length,
      errors: list.filter(({ status }) => status >= 400 && status !== 499).length,
      unpriced: list.filter((event) => event.cost_nano_usd === null || event.unpriced_attempts > 0).length,
      ...Object.fromEntries(sums),
    };
  });
}

/** What the tables must hold once these events have arrived, however they did. */
export function booksOf(list: readonly UsageEvent[]): Books {
  return {
    ledger: sorted(list.map((event) => ({ ...event }))),
    hourly: sorted(rollupOf(list, 'hour')),
    daily: sorted(rollupOf(list, 'day')),
  };
}

async function ledgerRows(): Promise<UsageEvent[]> {
  const list = await rows<UsageEvent & { cost: unknown }>('SELECT * FROM usage_logs');
  return list.map(({ cost: _derived, ...event }) => event);
}

/** What the tables hold. */
export async function readBooks(): Promise<Books> {
  return {
    ledger: sorted((await ledgerRows()).map((event) => ({ ...event }))),
    hourly: sorted(await rows('SELECT * FROM usage_rollups_hourly')),
    daily: sorted(await rows('SELECT * FROM usage_rollups_daily')),
  };
}

/** What the rollups must hold beside the ledger's present rows, whichever these are. */
export async function booksOfLedger(): Promise<Books> {
  return booksOf(await ledgerRows());
}
