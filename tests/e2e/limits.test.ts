import { Agent, request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestHarness } from 'wrangler';
import { eventually } from '../support/eventually.ts';
import { restOfMinute } from '../support/minute.ts';
import { type System, startSystem } from '../support/system.ts';

const REQUESTS = 500;
const LIMIT = 60;
const CONNECTIONS = 50;

let system: System;
beforeAll(async () => {
  // The time limits of production: an attempt given up for being slow may be billed all the same.
  system = await startSystem({ UPSTREAM_HEADERS_TIMEOUT_MS: '120000', UPSTREAM_FIRST_EVENT_TIMEOUT_MS: '300000' });
});
afterAll(() => system.stop());

/** Sends requests at once over a number of connections, and returns their statuses. */
async function burst(url: string, count: number, headers: Record<string, string>, body?: string): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const one = () =>
    new Promise<number>((resolve, reject) => {
      const sent = httpRequest(url, { agent, method: body === undefined ? 'GET' : 'POST', headers }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode ?? 0));
      });
      sent.once('error', reject).end(body);
    });
  try {
    return await Promise.all(Array.from({ length: count }, one));
  } finally {
    agent.destroy();
  }
}

/** The same for chat completions. */
function chatBurst(key: string, count: number, extra: object = {}): Promise<number[]> {
  const body = { model: 'openai/gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }], ...extra };
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return burst(`${system.origin}/v1/chat/completions`, count, headers, JSON.stringify(body));
}

const admitted = (statuses: readonly number[]) => statuses.filter((status) => status === 200).length;

describe('a limit of 60 requests a minute', () => {
  it(`admits exactly 60 of ${REQUESTS} requests at once over ${CONNECTIONS} connections; a counter in KV admits more`, async () => {
    const key = await system.createKey('sixty', { limits: { requests_per_minute: LIMIT } });
    const counter = createTestHarness({ workers: [{ configPath: './tests/support/kv-counter/wrangler.toml' }] });
    try {
      const { url } = await counter.listen();
      await restOfMinute(30_000);
      const statuses = await chatBurst(key, REQUESTS, { sim: { chunks: 1 } });
      const inKv = await burst(`${url.origin}/?account=sixty`, REQUESTS, {});
      console.log(
        JSON.stringify({
          e2e: 'rate limit',
          limit: LIMIT,
          requests: REQUESTS,
          connections: CONNECTIONS,
          admitted_by_durable_object: admitted(statuses),
          admitted_by_kv_counter: admitted(inKv),
        }),
      );
      expect(admitted(statuses)).toBe(LIMIT);
      expect(statuses.filter((status) => status === 429)).toHaveLength(REQUESTS - LIMIT);
      expect(admitted(inKv)).toBeGreaterThan(LIMIT);
    } finally {
      await counter.close();
    }
  }, 120_000);
});

describe('a budget', () => {
  it('is never overspent, by the upstream’s own account, whatever comes at once', async () => {
    const budget = 3_000_000;
    const key = await system.createKey('budgeted', { limits: { budget_day_nano_usd: budget } });
    const spentBefore = system.upstream.account.total().cost_nano_usd;
    const rounds: number[] = [];
    // How many a burst admits depends on how soon others end; that they come to an end does not.
    for (let round = 0; round < 40 && rounds.at(-1) !== 0; round += 1) {
      rounds.push(admitted(await chatBurst(key, 100, { max_tokens: 200, seed: round, sim: { chunks: 200 } })));
      await eventually(async () => ((await reserved(key)) === '0.000000000' ? true : null));
    }
    const spent = system.upstream.account.total().cost_nano_usd - spentBefore;
    console.log(JSON.stringify({ e2e: 'budget', budget, spent, admitted_per_burst_of_100: rounds }));
    expect(rounds[0]).toBeGreaterThan(0);
    expect(rounds[0]).toBeLessThan(100);
    expect(spent).toBeLessThanOrEqual(budget);
    expect(spent, 'all is used that a request may cost').toBeGreaterThan(budget - 500_000);
    expect(rounds.at(-1)).toBe(0);

    await eventually(async () => {
      const row = await system.db
        .prepare("SELECT sum(cost_nano_usd) AS spent FROM usage_logs WHERE user_id = 'budgeted'")
        .first<{ spent: number }>();
      return row?.spent === spent ? true : null;
    });
  }, 120_000);
});

async function reserved(key: string): Promise<string> {
  const response = await fetch(`${system.origin}/usage`, { headers: { authorization: `Bearer ${key}` } });
  const { limits } = (await response.json()) as { limits: { budget_day: { reserved_usd: string } } };
  return limits.budget_day.reserved_usd;
}
