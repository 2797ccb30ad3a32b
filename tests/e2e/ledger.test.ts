import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ARCHIVE } from '../support/endpoints.ts';
import { ARCHIVED_ROW, putArchive } from '../support/ledger-archive.ts';
import { runScript } from '../support/script.ts';
import { type System, startSystem } from '../support/system.ts';

let system: System;
let admin: string;
beforeAll(async () => {
  system = await startSystem();
  admin = await system.createKey('operator', { permissions: ['admin'] });
  await putArchive(system.db, system.bucket);
});
afterAll(() => system.stop());

/** `npm run ledger -- …` against the system, as its admin. */
function ledger(...args: string[]) {
  return runScript('ledger', system.origin, args, { ADMIN_KEY: admin });
}

describe('npm run ledger', () => {
  it('lists archives and restores them', async () => {
    expect((await ledger('archives')).stdout).toMatch(
      new RegExp(`^1 +\\$0.000000060 +2026-01-02 +moved +${ARCHIVE}$`, 'm'),
    );
    expect((await ledger('archives', '--request', '019b7af6-7400-7000-8000-000000000002')).stdout).toBe(
      'no archives\n',
    );
    const { code, stdout } = await ledger('restore', ARCHIVE);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/restored until \d{4}-\d\d-\d\d/)]);
    const { cost: _generated, ...row } = (await system.db.prepare('SELECT * FROM usage_logs').first()) ?? {};
    expect(row).toEqual(ARCHIVED_ROW);
    expect(JSON.parse((await ledger('archives', '--json')).stdout)).toMatchObject([{ id: ARCHIVE, state: 'restored' }]);
  });

  it.each([
    [['restore'], "'restore' needs the objects of archives"],
    [['restore', 'ledger/nothing'], "No archive with the id 'ledger/nothing'."],
    [['archives', 'x'], "'x' is one word too many."],
    [['archives', '--request', 'x'], "Invalid value for 'request_id'."],
    [['destroy'], "There is no command 'destroy'."],
    [['archives', '--nope'], "Unknown option '--nope'"],
  ])('says in a line what is wrong with %j', async (args, message) => {
    const { code, stdout, stderr } = await ledger(...args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it('helps', async () => {
    for (const args of [['--help'], []]) expect((await ledger(...args)).stdout).toContain('npm run ledger -- restore');
  });
});
