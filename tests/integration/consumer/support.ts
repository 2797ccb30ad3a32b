import { createExecutionContext, createMessageBatch, getQueueResult } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { vi } from 'vitest';
import type { Env } from '../../../consumer-worker/env.ts';
import worker from '../../../consumer-worker/index.ts';
import type { UsageEvent } from '../../../shared/usage-event.ts';
import { statementsOf } from '../../support/schema.ts';

declare global {
  namespace Cloudflare {
    interface Env {
      /** schema.sql, put there by vitest.config.ts. */
      SCHEMA: string;
    }
  }
}

export const USAGE_QUEUE = 'openai-api-usage';
export const KEYS = ['key-1', 'key-2', 'key-3'] as const;
export const NOW = Date.UTC(2026, 10, 24, 10, 30);
export const OVERLOADED = 'D1_ERROR: D1 DB is overloaded. Requests queued for too long.';

/** schema.sql, run once. */
export async function applySchema(db: D1Database = env.DB): Promise<void> {
  await db.batch(statementsOf(env.SCHEMA).map((sql) => db.prepare(sql)));
}

/** The schema with an account and its unused keys, and nothing else. */
export async function freshDatabase(db: D1Database = env.DB): Promise<void> {
  await applySchema(db);
  const tables = [
    'usage_logs',
    'unpriced_attempts',
    'usage_rollups_hourly',
    'usage_rollups_daily',
    'usage_latency_hourly',
    'model_prices',
    'dead_letters',
    'api_keys',
    'users',
  ];
  await db.batch([
    ...tables.map((table) => db.prepare(`DELETE FROM ${table}`)),
    db.prepare("INSERT INTO users (id, name, created_at) VALUES ('account-1', 'A', 1)"),
    ...KEYS.map((key) =>
      db
        .prepare("INSERT INTO api_keys (id, user_id, key_hash, name, created_at) VALUES (?1, 'account-1', ?1, ?1, 1)")
        .bind(key),
    ),
  ]);
}

/** The n-th request id: a valid UUIDv7. */
export function requestId(n: number): string {
  return `01900000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
}

/** A valid usage event, its id by `n`. */
export function usageEvent(n = 1, changes: Partial<UsageEvent> = {}): UsageEvent {
  return {
    request_id: requestId(n),
    user_id: 'account-1',
    key_id: 'key-1',
    endpoint: '/v1/chat/completions',
    requested_model: 'openai/gpt-5-mini',
    model: 'openai/gpt-5-mini-2025-08-07',
    provider: 'OpenAI',
    generation_id: `gen-${n}`,
    status: 200,
    finish_reason: 'stop',
    input_tokens: 100,
    output_tokens: 20,
    cached_tokens: 40,
    cache_write_tokens: 0,
    reasoning_tokens: 5,
    cost_nano_usd: 18_750,
    extra_cost_nano_usd: 0,
    unpriced_attempts: 0,
    unpriced: [],
    usage_source: 'provider',
    latency_ms: 900,
    ttft_ms: 300,
    attempts: 1,
    created_at: NOW,
    ...changes,
  };
}

export function usageEvents(count: number): UsageEvent[] {
  return Array.from({ length: count }, (_, n) => usageEvent(n));
}

export interface Delivery {
  id: string;
  body: unknown;
  attempts: number;
}

/** Bodies as messages delivered for the first time, `m0`, `m1`, … */
export function deliveries(bodies: readonly unknown[], attempts = 1): Delivery[] {
  return bodies.map((body, n) => ({ id: `m${n}`, body, attempts }));
}

/** Runs the worker's queue handler on one batch; what it told the queue, and the delays it asked for. */
export async function consume(
  queue: string,
  messages: readonly Delivery[],
  db: D1Database = env.DB,
  changed: Partial<Env> = {},
) {
  const batch = createMessageBatch(
    queue,
    messages.map((message) => ({ ...message, timestamp: NOW })),
  );
  // The batch made for tests forgets the delays.
  const retries = batch.messages.map((message) => vi.spyOn(message, 'retry'));
  const ctx = createExecutionContext();
  await worker.queue(batch, { ...env, DB: db, ...changed });
  const delays = retries.flatMap((retry) => retry.mock.calls.map(([options]) => options?.delaySeconds ?? 0));
  return { ...(await getQueueResult(batch, ctx)), delays };
}

type Batch = (statements: D1PreparedStatement[]) => Promise<D1Result[]>;

/** The database with another `batch`, which gets the real one. */
export function withBatch(batch: (statements: D1PreparedStatement[], real: Batch) => Promise<D1Result[]>): D1Database {
  return new Proxy(env.DB, {
    get(target, name) {
      if (name === 'batch') return (statements: D1PreparedStatement[]) => batch(statements, (s) => target.batch(s));
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A database whose first batches fail with these messages, unwritten; and how often it was asked. */
export function failing(messages: readonly string[]) {
  const calls = { count: 0 };
  const db = withBatch(async (statements, real) => {
    const message = messages[calls.count++];
    if (message !== undefined) throw new Error(message);
    return real(statements);
  });
  return { db, calls };
}

/** All rows of a query. */
export async function rows<T = Record<string, unknown>>(sql: string): Promise<T[]> {
  return (await env.DB.prepare(sql).all<T>()).results;
}

export async function countOf(table: string): Promise<number> {
  const [row] = await rows<{ n: number }>(`SELECT count(*) AS n FROM ${table}`);
  return row?.n ?? Number.NaN;
}

/** Keeps the worker's log out of the test's; returns its lines, parsed, as they come. */
export function captureLog(): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  for (const method of ['log', 'error'] as const) {
    vi.spyOn(console, method).mockImplementation((line: string) => void lines.push(JSON.parse(line)));
  }
  return lines;
}
