import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootstrapSql } from '../../scripts/keys/bootstrap.ts';
import { statementsOf } from '../support/schema.ts';
import { runScript } from '../support/script.ts';
import { type System, startSystem } from '../support/system.ts';

let system: System;
let admin: string;
beforeAll(async () => {
  system = await startSystem();
  admin = await system.createKey('operator', { permissions: ['admin'] });
});
afterAll(() => system.stop());

/** `npm run keys -- …` against the system, as its admin unless another key is given. */
function keys(args: readonly string[], env: Record<string, string> = {}) {
  return runScript('keys', system.origin, args, { ADMIN_KEY: admin, ...env });
}

const json = async (...args: string[]) => JSON.parse((await keys([...args, '--json'])).stdout);
const models = async (key: string) =>
  (await fetch(`${system.origin}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status;

describe('npm run keys', () => {
  it('creates an account and its key, shows the key once, and it works', async () => {
    const { code, stdout } = await keys([
      ...['create', '--user', 'ada', '--name', 'laptop', '--tier', 'premium'],
      ...['--permissions', 'read', '--rate-limit', '30', '--expires', '2099-01-31'],
    ]);
    expect(code).toBe(0);
    const key = /^sk-wm-\w+$/m.exec(stdout)?.[0] ?? '';
    expect(await models(key)).toBe(200);
    expect(stdout).toMatch(/^id +user +name +key +permissions +tier +per minute +state/);
    expect(stdout).toMatch(/^key_\S+ +ada +laptop +sk-wm-\w{6}… +read +premium +30 +until 2099-01-31 00:00/m);
    expect((await keys(['list', '--user', 'ada'])).stdout).not.toContain(key);
  });

  it('lists, changes, rotates and revokes', async () => {
    const created = await json('create', '--user', 'bob');
    expect(created).toMatchObject({ user_id: 'bob', permissions: ['read', 'write'], tier: null });
    expect(
      await json('set', created.id, '--name', 'renamed', '--tier', 'free', '--resume', 'true', '--privacy', 'true'),
    ).toMatchObject({
      name: 'renamed',
      tier: 'free',
      resume: true,
      privacy: true,
    });
    const rotated = await json('rotate', created.id, '--overlap', '60');
    expect([await models(created.key), await models(rotated.key)]).toEqual([200, 200]);
    expect((await keys(['revoke', rotated.id])).stdout).toBe(`revoked ${rotated.id}: refused everywhere within 60 s\n`);
    expect(await models(rotated.key)).toBe(401);
    const listed = await json('list', '--user', 'bob');
    expect(listed.map(({ id, is_active }: { id: string; is_active: boolean }) => [id, is_active])).toEqual([
      [created.id, true],
      [rotated.id, false],
    ]);
  });

  it('sets an account’s tier, limits and budgets, in dollars, and takes them away', async () => {
    await json('create', '--user', 'cleo');
    const set = await json(
      ...['limits', '--user', 'cleo', '--tier', 'free', '--requests-per-minute', '5', '--budget-month', '12.50'],
    );
    expect(set).toMatchObject({
      tier: 'free',
      limits: { requests_per_minute: 5, budget_month_nano_usd: 12_500_000_000, tokens_per_minute: null },
    });
    const taken = await json('limits', '--user', 'cleo', '--budget-month', 'none');
    expect(taken.limits).toMatchObject({ requests_per_minute: 5, budget_month_nano_usd: null });
  });

  it.each([
    [['list', 'x'], "'x' is one word too many."],
    [['destroy'], "There is no command 'destroy'."],
    [['create'], "'create' needs --user."],
    [['revoke'], "'revoke' needs the id of a key"],
    [['list', '--tier', 'free'], "'list' does not take --tier."],
    [['create', '--user', 'x', '--rate-limit', 'fast'], '--rate-limit must be a whole number'],
    [['create', '--user', 'x', '--resume', 'maybe'], "--resume must be 'true' or 'false', not 'maybe'"],
    [['create', '--user', 'x', '--expires', 'soon'], '--expires must be an ISO date'],
    [['limits', '--user', 'x', '--budget-day', '-1'], '--budget-day'],
    [['create', '--user', 'x', '--tier', 'gold'], "Invalid value for 'tier': 'gold'."],
    [['create', '--user', 'x', '--permissions', 'root'], "Invalid value for 'permissions[0]': 'root'."],
    [['revoke', 'key_nothing'], "No key with the id 'key_nothing'."],
    [['bootstrap', '--env', 'moon'], '--env must be staging or production.'],
    [['list', '--url', 'nonsense'], '--url must be a URL'],
    [['list', '--url', 'http://127.0.0.1:9'], 'Nothing answers at http://127.0.0.1:9.'],
    [['list', '--url', 'http://api.example.com'], 'A key is not sent over plain HTTP'],
  ])('says in a line what is wrong with %j', async (args, message) => {
    const { code, stdout, stderr } = await keys(args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it('needs a key for a system that is elsewhere, and one that may', async () => {
    const elsewhere = await keys(['list', '--url', 'https://api.example.com'], { ADMIN_KEY: '' });
    expect(elsewhere.stderr).toContain('Set ADMIN_KEY to a key of https://api.example.com');
    expect((await keys(['list'], { ADMIN_KEY: system.key })).stderr).toContain("it needs 'admin'");
  });

  it('helps', async () => {
    for (const args of [['--help'], [], ['create', '--help']]) {
      expect((await keys(args)).stdout).toContain('npm run keys -- create --user ID');
    }
  });

  it('writes the first admin key of a deployed system as the Admin API would', async () => {
    const hash = 'f'.repeat(64);
    const sql = bootstrapSql({ id: 'key_first', user: 'root', hash, prefix: 'sk-wm-ABCDEF' }, Date.now());
    await system.db.batch(statementsOf(sql).map((statement) => system.db.prepare(statement)));
    expect(await json('list', '--user', 'root')).toMatchObject([
      { id: 'key_first', permissions: ['admin'], prefix: 'sk-wm-ABCDEF', is_active: true },
    ]);
  });
});
