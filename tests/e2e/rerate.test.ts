import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { runScript } from '../support/script.ts';
import { type System, startSystem } from '../support/system.ts';
import { usageEvent } from '../support/usage-event.ts';

let system: System;
let admin: string;
beforeAll(async () => {
  system = await startSystem();
  admin = await system.createKey('operator', { permissions: ['admin'] });
});
afterAll(() => system.stop());

/** `npm run rerate -- …` against the system, for the time around now. */
function rerate(...args: readonly string[]) {
  return runScript('rerate', system.origin, args, { ADMIN_KEY: admin });
}

const PERIOD = ['--from', new Date(Date.now() - 3_600_000).toISOString(), '--to', '2099-01-01'];

/** What the ledger and its rollup hold; null: nothing yet. */
async function billed() {
  const row = await system.db
    .prepare(
      `SELECT count(*) AS rows, sum(cost_nano_usd) AS cost, sum(unpriced_attempts) AS unpriced,
              (SELECT sum(cost_nano_usd) FROM usage_rollups_daily) AS rolled_up
         FROM usage_logs`,
    )
    .first<{ rows: number; cost: number | null; unpriced: number; rolled_up: number }>();
  return row && row.rows > 0 ? row : null;
}

describe('npm run rerate', () => {
  it('shows what a price that was set later changes, and writes it only when told to', async () => {
    const attempt = {
      generation_id: null,
      usage_source: 'provider',
      cached_tokens: null,
      cache_write_tokens: null,
    } as const;
    const tokens = { input_tokens: 1_000, output_tokens: 100, reasoning_tokens: null, images: 0, relayed: true };
    await system.usageQueue.send(
      usageEvent({
        cost_nano_usd: null,
        unpriced_attempts: 2,
        unpriced: ['new/model', 'nobody/knows'].map((model) => ({ model, ...attempt, ...tokens })),
      }),
    );
    expect(await eventually(billed)).toEqual({ rows: 1, cost: null, unpriced: 2, rolled_up: 0 });
    expect((await rerate(...PERIOD)).stdout).toMatch(/: nothing to change\n$/);

    const set = await fetch(`${system.origin}/admin/prices`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'new/model', valid_from: 1, prompt: '0.0000001005', completion: '0' }),
    });
    expect(set.status).toBe(201);

    const dry = await rerate(...PERIOD);
    expect(dry.code).toBe(0);
    expect(dry.stdout).toMatch(/^model +attempts +changed +no price +before +after +difference\n/);
    expect(dry.stdout).toMatch(/^new\/model +1 +1 +0 +\$0\.000000000 +\$0\.000100500 +\+\$0\.000100500$/m);
    expect(dry.stdout).toMatch(/^nobody\/knows +1 +0 +1 +\$0\.000000000 +\$0\.000000000 +\+\$0\.000000000$/m);
    expect(dry.stdout).toMatch(/: 1 corrections, \+\$0\.000100500\nnothing was written: --apply writes it\n$/);
    expect(await billed()).toMatchObject({ rows: 1, cost: null });

    const { code, stdout } = await rerate(...PERIOD, '--apply');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/written: 1 corrections, \+\$0\.000100500\n$/)]);
    expect(await billed()).toEqual({ rows: 2, cost: 100_500, unpriced: 1, rolled_up: 100_500 });

    expect(JSON.parse((await rerate(...PERIOD, '--apply', '--json')).stdout)).toMatchObject({
      applied: false,
      attempts: 2,
      changed: 0,
      difference_nano_usd: 0,
    });
    expect(await billed()).toMatchObject({ rows: 2, cost: 100_500 });
  });

  it('has nothing to say of a time without requests', async () => {
    expect((await rerate('--from', '2020-01-01', '--to', '2020-01-02')).stdout).toBe(
      '2020-01-01T00:00:00.000Z to 2020-01-02T00:00:00.000Z: the upstream priced all there is\n',
    );
  });

  it.each([
    [['--from', '2026-11-01'], 'Say which period'],
    [['--from', '2026-11-02', '--to', '2026-11-01'], "'from' must be before 'to'."],
    [['--from', 'yesterday', '--to', '2026-11-01'], 'Expected an ISO date'],
    [['now', ...PERIOD], "Unexpected argument 'now'"],
    [[...PERIOD, '--nope'], "Unknown option '--nope'"],
  ])('says in a line what is wrong with %j', async (args, message) => {
    const { code, stdout, stderr } = await rerate(...args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it('helps', async () => {
    expect((await rerate('--help')).stdout).toContain('npm run rerate -- --from DATE --to DATE');
  });
});
