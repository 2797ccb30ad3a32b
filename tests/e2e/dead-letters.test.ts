import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { storeDeadLetters } from '../support/dead-letter.ts';
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
beforeEach(() => system.db.prepare('DELETE FROM dead_letters').run());

/** `npm run dead-letters -- …` against the system. */
function deadLetters(...args: readonly string[]) {
  return runScript('dead-letters', system.origin, args, { ADMIN_KEY: admin });
}

const json = async (...args: string[]) => JSON.parse((await deadLetters(...args, '--json')).stdout);
const store = (...letters: Parameters<typeof storeDeadLetters>[1]) => storeDeadLetters(system.db, letters);

/** What the ledger and its rollup hold of a request; null: nothing yet. */
async function billed(requestId: string, userId: string) {
  const row = await system.db
    .prepare(
      `SELECT count(*) AS rows, sum(cost_nano_usd) AS cost,
              (SELECT sum(cost_nano_usd) FROM usage_rollups_daily WHERE user_id = ?2) AS rolled_up
         FROM usage_logs WHERE request_id = ?1`,
    )
    .bind(requestId, userId)
    .first<{ rows: number; cost: number; rolled_up: number }>();
  return row && row.rows > 0 ? row : null;
}

describe('npm run dead-letters', () => {
  it('lists a malformed message that was queued, shows it, cannot replay it, and discards it', async () => {
    await system.usageQueue.send({ ...usageEvent(), status: 'fine', cost_nano_usd: 2_500 });
    const [letter] = await eventually(async () => {
      const letters = await json('list');
      return letters.length > 0 ? letters : null;
    });
    expect(letter).toMatchObject({ queue: 'openai-api-usage', attempts: 1, unbilled_nano_usd: 2_500 });

    const { stdout } = await deadLetters('list');
    expect(stdout).toMatch(/^id +queue +state +sent +deliveries +request +not billed +reason/);
    expect(stdout).toMatch(
      new RegExp(`^${letter.id} +openai-api-usage +stuck .*\\$0\\.000002500 .*expected number.*status`, 'm'),
    );
    expect(stdout).toMatch(/\nstuck in all: 1, \$0\.000002500 not billed, the oldest since \d{4}-/);
    expect(JSON.parse((await deadLetters('show', letter.id)).stdout).body.status).toBe('fine');

    const replayed = await deadLetters('replay', letter.id);
    expect(replayed.code).toBe(1);
    expect(replayed.stdout).toMatch(/refused +The message is invalid: .*expected number/);
    expect((await json('list'))[0].state).toBe('stuck');

    const discarded = await deadLetters('discard', letter.id);
    expect(discarded.code).toBe(0);
    expect(discarded.stdout).toMatch(/1 discarded\nstuck in all: nothing\n$/);
    expect(await json('list', '--state', 'discarded')).toMatchObject([{ id: letter.id, state: 'discarded' }]);
  });

  it('bills a message that its queue gave up once, however often it is replayed', async () => {
    const event = usageEvent({ user_id: 'once', cost_nano_usd: 12_345 });
    const [id] = (await store({ body: event })) as [string];
    expect(await json('replay', '--all', '--dry-run')).toMatchObject([{ id, outcome: 'will_be_billed' }]);
    expect(await billed(event.request_id, 'once')).toBeNull();

    const first = await deadLetters('replay', '--all', '--yes');
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(
      /^to replay: 1, \$0\.000012345 not billed, .*\n1 will be billed, \$0\.000012345\nstuck in all: nothing\n$/,
    );
    const row = await eventually(() => billed(event.request_id, 'once'));
    expect(row).toEqual({ rows: 1, cost: 12_345, rolled_up: 12_345 });

    expect(await json('replay', id)).toMatchObject([{ id, outcome: 'in_ledger' }]);
    // By the queue, too: a replay that did not know yet what the ledger holds, and one more event to wait for.
    const marker = usageEvent({ user_id: 'marker' });
    await system.usageQueue.sendBatch([{ body: event }, { body: event }, { body: marker }]);
    await eventually(() => billed(marker.request_id, 'marker'));
    expect(await billed(event.request_id, 'once')).toEqual(row);
  });

  it('bills nothing of a request that had been billed by another way', async () => {
    const event = usageEvent({ user_id: 'before' });
    await system.usageQueue.send(event);
    const row = await eventually(() => billed(event.request_id, 'before'));
    await store({ body: event });
    expect((await deadLetters('list')).stdout).toContain('stuck in all: 1, $0.000000000 not billed');
    expect((await deadLetters('replay', '--all', '--yes')).stdout).toContain('1 in the ledger already');
    expect(await billed(event.request_id, 'before')).toEqual(row);
  });

  it('replays what a filter leaves, page by page, and tells how far it is', async () => {
    const events = Array.from({ length: 150 }, () => usageEvent({ user_id: 'many', cost_nano_usd: 1_000 }));
    await store(...events.map((body) => ({ body })), { queue: 'openai-api-analytics', body: { broken: true } });
    const { code, stdout, stderr } = await deadLetters('replay', '--all', '--queue', 'usage', '--yes');
    expect(code).toBe(0);
    expect(stdout).toContain('150 will be billed, $0.000150000');
    expect(stdout).toMatch(/stuck in all: 1, \$0\.000000000 not billed/);
    expect(stderr).toMatch(/^replay 100 of 150, 66 %, .*\nreplay 150 of 150, 100 %, .*\n$/);
    await eventually(async () => {
      const sum = await system.db
        .prepare("SELECT count(*) AS rows FROM usage_logs WHERE user_id = 'many'")
        .first<{ rows: number }>();
      return sum?.rows === 150 || null;
    });
    expect((await billed(events[0]?.request_id ?? '', 'many'))?.rolled_up).toBe(150_000);
  });

  it.each(['replay', 'discard'])('%ss all of a filter only with --yes where nobody can be asked', async (command) => {
    await store({ body: usageEvent({ cost_nano_usd: 12_345 }) }, { created_at: Date.UTC(1999, 0) });
    const refused = await deadLetters(command, '--all', '--from', '2000-01-01');
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(
      new RegExp(`^to ${command}: 1, \\$0\\.000012345 not billed, the oldest since .* UTC\n$`),
    );
    expect(refused.stderr).toContain(`'${command} --all' needs --yes where nobody can be asked.`);
    expect((await deadLetters(command, '--all', '--json')).stderr).toContain('needs --yes');
    expect(await json('list')).toHaveLength(2);
  });

  it('discards all of a filter, and whatever is stuck', async () => {
    await store({ reason: 'one' }, { reason: 'other' });
    expect((await deadLetters('discard', '--all', '--dry-run')).stdout).toMatch(
      /dry run: nothing was done\n2 discarded\nstuck in all: 2,/,
    );
    expect((await deadLetters('discard', '--all', '--reason', 'other', '--yes')).stdout).toContain('1 discarded');
    expect((await deadLetters('discard', '--all', '--yes')).stdout).toContain('1 discarded\nstuck in all: nothing');
  });

  it.each([
    [['list', 'x'], "'x' is one word too many."],
    [['burn'], "There is no command 'burn'."],
    [['show'], "'show' needs the id of one"],
    [['replay'], "'replay' needs ids, or --all."],
    [['replay', 'x', '--all'], "'replay' needs ids, or --all."],
    [['replay', 'x', '--queue', 'usage'], 'Filters and --after belong to --all.'],
    [['replay', 'x', '--after', 'y'], 'Filters and --after belong to --all.'],
    [['replay', '--all', '--queue', ''], '--queue must not be empty.'],
    [['discard', '--all', '--yes', '--reason', ''], '--reason must not be empty.'],
    [['list', '--yes'], "'list' does not take --yes."],
    [['list', '--from', 'soon'], 'Expected an ISO date'],
    [['list', '--state', 'lost'], "Invalid value for 'state': 'lost'."],
    [['show', 'nothing'], "No dead letter with the id 'nothing'."],
    [['replay', 'nothing'], "No dead letter with the id 'nothing'."],
  ])('says in a line what is wrong with %j', async (args, message) => {
    const { code, stdout, stderr } = await deadLetters(...args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it('helps', async () => {
    expect((await deadLetters('--help')).stdout).toContain('npm run dead-letters -- list');
  });
});
