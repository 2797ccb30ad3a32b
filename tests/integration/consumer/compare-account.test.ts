import { env as bindings } from 'cloudflare:workers';
import { beforeEach, expect, inject, it } from 'vitest';
import { compareAccount } from '../../../consumer-worker/billing/compare-account.ts';
import type { Env } from '../../../consumer-worker/env.ts';
import { ledgerStatements } from '../../../shared/ledger.ts';
import { billedBy } from '../../../shared/pricing.ts';
import { freshDatabase, NOW, rows, usageEvent } from './support.ts';

const DAY = 86_400_000;
const UPSTREAM = inject('upstreamUrl');
const env = {
  ...(bindings as unknown as Env),
  UPSTREAM_BASE_URL: UPSTREAM,
  OPENROUTER_API_KEY: `sk-or-v1-${crypto.randomUUID()}`,
};
const headers = { authorization: `Bearer ${env.OPENROUTER_API_KEY}` };

beforeEach(async () => {
  await freshDatabase();
  await bindings.DB.prepare('DELETE FROM account_comparisons').run();
});

/** A request that the upstream bills to our key, and what it bills, nano-dollars, by its answer. */
async function spend(chunks: number): Promise<number> {
  const response = await fetch(`${UPSTREAM}/chat/completions`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ model: 'sim/any', messages: [{ role: 'user', content: 'Hello' }], sim: { chunks } }),
  });
  const { usage } = (await response.json()) as { usage: { cost: number } };
  return Math.round(usage.cost * 1e9);
}

let id = 0;
const book = (cost: number) =>
  bindings.DB.batch(ledgerStatements(bindings.DB, [billedBy(usageEvent(++id, { cost_nano_usd: cost }))]));
const comparisons = () => rows('SELECT * FROM account_comparisons ORDER BY compared_at');

it('keeps both totals, their difference, and how it has changed since the day before', async () => {
  const before = ((await (await fetch(`${UPSTREAM}/key`, { headers })).json()) as { data: { usage: number } }).data;
  expect(before.usage).toBe(0);

  const first = await spend(20);
  expect(first).toBeGreaterThan(0);
  await book(first - 7);
  expect(await compareAccount(env, NOW)).toMatchObject({ difference_usd: '0.000000007', drift_usd: '0.000000000' });

  const second = await spend(55);
  await book(second + 10);
  expect(await compareAccount(env, NOW + DAY)).toMatchObject({ drift_usd: '-0.000000010' });

  await book(3);
  await compareAccount(env, NOW + 2 * DAY);
  const both = first + second;
  expect(await comparisons()).toEqual([
    {
      ...{ compared_at: NOW, upstream_nano_usd: first, ledger_nano_usd: first - 7 },
      ...{ difference_nano_usd: 7, drift_nano_usd: 0 },
    },
    {
      ...{ compared_at: NOW + DAY, upstream_nano_usd: both, ledger_nano_usd: both + 3 },
      ...{ difference_nano_usd: -3, drift_nano_usd: -10 },
    },
    {
      ...{ compared_at: NOW + 2 * DAY, upstream_nano_usd: both, ledger_nano_usd: both + 6 },
      ...{ difference_nano_usd: -6, drift_nano_usd: -3 },
    },
  ]);
});

it('happens once a day, however often it runs and if at the same time', async () => {
  await Promise.all([compareAccount(env, NOW), compareAccount(env, NOW), compareAccount(env, NOW + 1)]);
  await book(1);
  expect(await compareAccount(env, NOW + 60_000)).toEqual({ skipped: 'compared today already' });
  expect(await comparisons()).toHaveLength(1);
  const nextDay = NOW - (NOW % DAY) + DAY;
  await compareAccount(env, nextDay - 1);
  expect(await comparisons()).toHaveLength(1);
  await compareAccount(env, nextDay);
  expect(await comparisons()).toHaveLength(2);
});

it('is skipped without a key, and keeps nothing where the upstream does not tell', async () => {
  const { OPENROUTER_API_KEY: _, ...keyless } = env;
  expect(await compareAccount(keyless, NOW)).toEqual({ skipped: 'no OPENROUTER_API_KEY' });
  const elsewhere = { ...env, UPSTREAM_BASE_URL: `${UPSTREAM}/elsewhere` };
  await expect(compareAccount(elsewhere, NOW)).rejects.toThrow('GET /key: the upstream answered 404.');
  expect(await comparisons()).toEqual([]);
});
