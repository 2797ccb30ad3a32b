import { readFileSync } from 'node:fs';
import type { D1Database, Queue, R2Bucket } from '@cloudflare/workers-types';
import OpenAI from 'openai';
import { createTestHarness } from 'wrangler';
import { type SimulatedUpstream, startUpstream } from '../../load/upstream/server.ts';
import { sha256Hex } from '../../shared/ids.ts';
import { eventually } from './eventually.ts';
import { RECORDINGS_DIR } from './recordings.ts';
import { statementsOf } from './schema.ts';

/** Both workers, their queues and their database, in front of the simulated OpenRouter. */
export interface System {
  /** Of the API worker, without `/v1`. */
  origin: string;
  db: D1Database;
  usageQueue: Queue;
  /** Of moved ledger rows. */
  bucket: R2Bucket;
  upstream: SimulatedUpstream;
  key: string;
  /** Creates an account, if it is not there, and a key of it. */
  createKey(userId: string, granted?: Granted): Promise<string>;
  /** An official client without retries of its own, so that what it sees is what we did. */
  client: OpenAI;
  stop(): Promise<void>;
}

/** Time limits short enough to be waited for in a test. */
const VARS = {
  RATE_LIMIT_PER_MINUTE: '1000000',
  FALLBACK_MODELS: 'openai/gpt-4o-mini',
  UPSTREAM_HEADERS_TIMEOUT_MS: '1500',
  UPSTREAM_FIRST_EVENT_TIMEOUT_MS: '3000',
  UPSTREAM_RETRIES: '2',
  STREAM_COMMIT_AFTER_MS: '1000',
  OPENROUTER_API_KEY: 'sk-or-v1-of-the-tests',
};

/** How a system is not like others. */
interface Setting {
  /** Whether they go to the simulated PostHog, rather than nowhere. */
  analytics?: boolean;
  /** Other configurations of the two workers, the API worker's first. */
  configs?: readonly [string, string];
  /** Variables of the consumer. */
  consumerVars?: Record<string, string>;
}

/** Starts everything on free ports with an empty database and one account, `tester`. */
export async function startSystem(
  vars: Record<string, string> = {},
  { analytics = false, configs = ['./wrangler.api.toml', './wrangler.consumer.toml'], consumerVars = {} }: Setting = {},
): Promise<System> {
  const upstream = await startUpstream({ recordingsDir: RECORDINGS_DIR });
  const posthog: Record<string, string> = analytics
    ? { POSTHOG_HOST: upstream.origin, POSTHOG_API_KEY: 'phc_of_the_tests' }
    : {};
  const harness = createTestHarness({
    workers: [
      { configPath: configs[0], vars: { ...VARS, UPSTREAM_BASE_URL: upstream.url, ...posthog, ...vars } },
      { configPath: configs[1], vars: { ...posthog, ...consumerVars } },
    ],
  });
  const { url } = await harness.listen();
  const {
    DB: db,
    USAGE_QUEUE: usageQueue,
    LEDGER_ARCHIVE: bucket,
  } = await harness.getWorker<{ DB: D1Database; USAGE_QUEUE: Queue; LEDGER_ARCHIVE: R2Bucket }>().getEnv();
  const schema = readFileSync(new URL('../../schema.sql', import.meta.url), 'utf8');
  await db.batch(statementsOf(schema).map((statement) => db.prepare(statement)));
  const key = await createKey(db, 'tester');
  return {
    origin: url.origin,
    db,
    usageQueue,
    bucket,
    upstream,
    key,
    createKey: (userId, granted) => createKey(db, userId, granted),
    client: new OpenAI({ apiKey: key, baseURL: `${url.origin}/v1`, maxRetries: 0 }),
    async stop() {
      await harness.close();
      await upstream.close();
    },
  };
}

/** What a test may set of a key and its account. */
interface Granted {
  name?: string;
  permissions?: string[];
  is_active?: 0 | 1;
  resume?: 0 | 1;
  limits?: Record<string, number>;
}

async function createKey(db: D1Database, userId: string, granted: Granted = {}): Promise<string> {
  const { name = userId, permissions = ['read', 'write'], is_active = 1, resume = 0, limits = {} } = granted;
  const key = `sk-test-key_${name}`;
  const columns = ['scope', 'subject', ...Object.keys(limits)];
  await db.batch([
    db.prepare('INSERT OR IGNORE INTO users (id, name, created_at) VALUES (?1, ?1, 0)').bind(userId),
    db
      .prepare(
        'INSERT INTO api_keys (id, user_id, key_hash, name, permissions, is_active, resume, created_at) VALUES (?1, ?2, ?3, ?1, ?4, ?5, ?6, 0)',
      )
      .bind(`key_${name}`, userId, await sha256Hex(key), JSON.stringify(permissions), is_active, resume),
    db
      .prepare(
        `INSERT OR IGNORE INTO rate_limits (${columns.join(', ')}) VALUES (${columns.map((_, n) => `?${n + 1}`).join(', ')})`,
      )
      .bind('account', userId, ...Object.values(limits)),
  ]);
  return key;
}

/** A ledger row, as far as tests look at it. */
export interface LedgerRow {
  request_id: string;
  model: string | null;
  status: number;
  finish_reason: string | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cached_tokens: number | null;
  reasoning_tokens: number | null;
  cost_nano_usd: number | null;
  extra_cost_nano_usd: number;
  unpriced_attempts: number;
  usage_source: string;
  attempts: number;
}

/** The ledger's row of a request, once it is there: up to 12 s later where the upstream had to be asked for usage. */
export function ledgerRow(db: D1Database, requestId: string): Promise<LedgerRow> {
  return eventually(
    () => db.prepare('SELECT * FROM usage_logs WHERE request_id = ?1').bind(requestId).first<LedgerRow>(),
    20_000,
  );
}
