import { afterAll, beforeAll, expect, it } from 'vitest';
import { uuidv7 } from '../../shared/ids.ts';
import type { UsageEvent } from '../../shared/usage-event.ts';
import { type CountedSystem, type Counts, startCounted } from '../scale/counted-system.ts';
import { document } from '../scale/document.ts';
import type { BilledBatch, Findings } from '../scale/findings.ts';
import { readMeasured } from '../scale/measured.ts';
import { picture } from '../scale/picture.ts';
import { eventually } from '../support/eventually.ts';
import { ledgerRow } from '../support/system.ts';
import { usageEvent } from '../support/usage-event.ts';

const DAY_MS = 86_400_000;
/** Queues deliver within a second, on a machine that has nothing else to do. */
const PATIENCE_MS = 30_000;
const BATCH = 100;
/** So many make the database larger by more than a few pages. */
const BATCHES = 10;

let system: CountedSystem;
beforeAll(async () => {
  system = await startCounted({ LEDGER_RETENTION_DAYS: '32' });
});
afterAll(() => system.stop());

interface Sent {
  key?: string;
  body?: object;
  headers?: Record<string, string>;
}

/** Sends a chat completion and counts all that the API worker does for it, to the end of what follows its answer. */
async function countsOf({ key = system.key, body = {}, headers = {} }: Sent): Promise<Counts> {
  await system.counts();
  const { events } = system.upstream.posthog;
  const before = events.length;
  const response = await fetch(`${system.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'openai/gpt-5-mini', messages: [{ role: 'user', content: 'Hello' }], ...body }),
  });
  await response.text();
  if (response.status !== 429) {
    await ledgerRow(system.db, response.headers.get('x-request-id') ?? '');
    await eventually(async () => system.upstream.posthog.events.length > before || null, PATIENCE_MS);
  }
  const counts = await system.counts();
  return { ...counts, posthog_events: system.upstream.posthog.events.length - before };
}

/** All kinds of requests, in an order in which each meets what it is about. */
async function countKinds(): Promise<Map<string, Counts>> {
  const stream = { stream: true };
  const poor = await system.createKey('poor', { limits: { requests_per_minute: 0 } });
  const rich = await system.createKey('rich', { limits: { budget_month_nano_usd: 1e12 } });
  const unlimited = await system.createKey('unlimited');
  await system.db.exec(`UPDATE users SET tier = 'unlimited' WHERE id = 'unlimited'`);
  const kinds = new Map<string, Counts>();
  kinds.set('an account’s first', await countsOf({ body: stream }));
  kinds.set('**stream**', await countsOf({ body: stream }));
  kinds.set('**JSON**', await countsOf({}));
  await countsOf({ key: rich, body: stream });
  kinds.set('stream, with a budget', await countsOf({ key: rich, body: stream }));
  await countsOf({ key: unlimited, body: stream });
  kinds.set('stream, tokens not limited', await countsOf({ key: unlimited, body: stream }));
  kinds.set('cacheable, not there', await countsOf({ body: { temperature: 0 } }));
  kinds.set('given from the cache', await countsOf({ body: { temperature: 0 } }));
  const headers = { 'idempotency-key': 'a' };
  kinds.set('with an idempotency key', await countsOf({ body: stream, headers }));
  kinds.set('repeated under it', await countsOf({ body: stream, headers }));
  await countsOf({ key: poor });
  kinds.set('refused: 429', await countsOf({ key: poor }));
  await system.later(61_000);
  kinds.set('an isolate’s first in a minute', await countsOf({ body: stream }));
  return kinds;
}

function idsOf(account: number): { user_id: string; key_id: string } {
  const tail = String(account).padStart(12, '0');
  return { user_id: `account-${tail}`, key_id: `key_0199a000-0000-7000-8000-${tail}` };
}

/** Accounts with a key each, as many as there are events of as many. */
async function createAccounts(): Promise<void> {
  const ids = JSON.stringify(Array.from({ length: BATCHES * BATCH + 1 }, (_, account) => idsOf(account)));
  await system.db.batch(
    [
      `INSERT INTO users (id, name, created_at) SELECT value->>'user_id', 'counted', 0 FROM json_each(?1)`,
      `INSERT INTO api_keys (id, user_id, key_hash, name, created_at)
       SELECT value->>'key_id', value->>'user_id', value->>'key_id', 'counted', 0 FROM json_each(?1)`,
    ].map((sql) => system.db.prepare(sql).bind(ids)),
  );
}

/** An event as they come, of an account by its number, arriving in the ms `n` after `base`. */
function event(base: number, n: number, account: number): UsageEvent {
  return usageEvent({
    request_id: uuidv7(base + n),
    ...idsOf(account),
    requested_model: 'anthropic/claude-sonnet-4.5',
    model: 'anthropic/claude-4.5-sonnet-20250929',
    provider: 'Anthropic',
    generation_id: `gen-1796000000-${String(n).padStart(20, '0')}`,
    input_tokens: 1_800,
    output_tokens: 400,
    cost_nano_usd: 11_400_000,
    latency_ms: 4_000,
    ttft_ms: 700,
    created_at: base + n,
  });
}

/** Has a batch of events billed and counts what the consumer does. */
async function countsOfBatch(events: readonly UsageEvent[]): Promise<Counts> {
  await system.consumerCounts();
  await system.usageQueue.sendBatch(events.map((body) => ({ body })));
  const counts: Counts = {};
  await eventually(async () => {
    for (const [name, value] of Object.entries(await system.consumerCounts()))
      counts[name] = (counts[name] ?? 0) + value;
    return counts.batches === 1 || null;
  }, PATIENCE_MS);
  expect(counts.messages, 'all came in one batch').toBe(events.length);
  return counts;
}

/** The database's size, bytes. */
async function size(): Promise<number> {
  const { meta } = await system.db.prepare('SELECT 1').run();
  return meta.size_after;
}

/** Bills so many batches, and tells what the last one took and by how much an event made the database larger. */
async function billed(batches: number, accountOf: (n: number) => number): Promise<BilledBatch> {
  const base = Math.floor(Date.now() / 1_000) * 1_000;
  const before = await size();
  let counts: Counts = {};
  for (let batch = 0; batch < batches; batch += 1) {
    const numbers = Array.from({ length: BATCH }, (_, n) => batch * BATCH + n);
    counts = await countsOfBatch(numbers.map((n) => event(base, n, accountOf(n))));
  }
  // The database grows by whole pages, one more or less from run to run: four bytes an event.
  const bytes = Math.round(((await size()) - before) / (batches * BATCH) / 20) * 20;
  return { counts, events: BATCH, bytes };
}

/** What is done every five minutes, some hours after the last request. */
async function countAlerts(): Promise<Findings['alerts']> {
  const rollups = await system.db.prepare('SELECT count(*) AS n FROM usage_rollups_hourly').first<number>('n');
  await system.consumerCounts();
  await system.cron('*/5 * * * *', Date.now() + DAY_MS);
  return { counts: await system.consumerCounts(), rollups: rollups ?? 0 };
}

/** What retention does with what is in the ledger by now, for each request. */
async function countRetention(): Promise<Counts> {
  const later = Date.now() + 40 * DAY_MS;
  await system.consumerCounts();
  await system.cron('20 * * * *', later);
  await system.cron('20 * * * *', later + DAY_MS / 24);
  const counts = await system.consumerCounts();
  const left = await system.db.prepare('SELECT count(*) AS n FROM usage_logs').first<number>('n');
  expect(left, 'all have moved').toBe(0);
  return counts;
}

it('writes docs/scale.md: what requests take, counted, and what that costs', { timeout: 180_000 }, async () => {
  const kinds = await countKinds();
  await createAccounts();
  await billed(1, () => 0);
  const single = { counts: await countsOfBatch([event(Date.now(), 0, 0)]), events: 1, bytes: Number.NaN };
  const busy = await billed(BATCHES, () => 0);
  const spread = await billed(BATCHES, (n) => n + 1);
  const requests = (await system.db.prepare('SELECT count(*) AS n FROM usage_logs').first<number>('n')) ?? 0;
  const alerts = await countAlerts();
  const found: Findings = {
    kinds,
    single,
    busy,
    spread,
    alerts,
    retention: { counts: await countRetention(), requests },
    measured: readMeasured(),
  };
  await expect(document(found)).toMatchFileSnapshot('../../docs/scale.md');
  await expect(picture(found)).toMatchFileSnapshot('../../docs/scale.svg');
});
