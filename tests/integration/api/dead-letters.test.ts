import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { uuidv7 } from '../../../shared/ids.ts';
import { ledgerStatements } from '../../../shared/ledger.ts';
import { billedBy } from '../../../shared/pricing.ts';
import { storeDeadLetters } from '../../support/dead-letter.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { applySchema, call, createKey, env, errorOf } from './support.ts';

const USAGE = 'openai-api-usage';
const ANALYTICS = 'openai-api-analytics-dead-letters-staging';

let admin: string;
beforeAll(async () => {
  await applySchema();
  admin = await createKey('operator', { permissions: ['admin'] });
});
beforeEach(async () => {
  await env.DB.batch(
    ['dead_letters', 'usage_logs', 'ledger_archives', 'audit_log'].map((table) =>
      env.DB.prepare(`DELETE FROM ${table}`),
    ),
  );
});

const store = (...letters: Parameters<typeof storeDeadLetters>[1]) => storeDeadLetters(env.DB, letters);
const bill = (...events: ReturnType<typeof usageEvent>[]) =>
  env.DB.batch(
    ledgerStatements(
      env.DB,
      events.map((event) => billedBy(event)),
    ),
  );

/** The queues, in the place of the real ones: what they were sent, and whether they take it. */
function captureQueues(takes: (queue: string) => boolean = () => true) {
  const sent: { queue: string; body: unknown }[] = [];
  const queue = (name: string) =>
    ({
      async sendBatch(messages: Iterable<{ body: unknown }>) {
        if (!takes(name)) throw new Error('Queue sendBatch failed: Too Many Requests');
        for (const { body } of messages) sent.push({ queue: name, body });
      },
    }) as unknown as Queue;
  const bindings = {
    USAGE_QUEUE: queue('usage'),
    ANALYTICS_QUEUE: queue('analytics'),
    RECONCILE_QUEUE: queue('reconcile'),
  };
  return { sent, bindings };
}

async function get(path: string) {
  const answer = await call(`/admin/dead-letters${path}`, { key: admin });
  return { ...answer, body: JSON.parse(answer.text) };
}

async function send(path: 'replay' | 'discard', body: unknown, bindings = {}) {
  const answer = await call(`/admin/dead-letters/${path}`, {
    method: 'POST',
    key: admin,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    env: bindings,
  });
  return { ...answer, body: JSON.parse(answer.text) };
}

interface Changed {
  id: string;
  outcome: string;
  why: string | null;
}
const outcomes = ({ body }: { body: { data: Changed[] } }) => body.data.map(({ id, outcome }) => [id, outcome]);
const statesOf = async () =>
  (await env.DB.prepare('SELECT id, state FROM dead_letters ORDER BY id').all()).results.map(({ id, state }) => [
    id,
    state,
  ]);
const audited = async () =>
  (await env.DB.prepare('SELECT action, target, changes FROM audit_log ORDER BY target').all()).results;

describe('the list of dead letters', () => {
  it('shows what is stuck, the oldest first, with request and cost and without the body', async () => {
    const event = usageEvent({ cost_nano_usd: 7_000 });
    const [young, old] = await store(
      { created_at: 2_000_000, body: { broken: true }, queue: USAGE, reason: 'Unrecognized key: "broken"' },
      { created_at: 1_000_000, body: event },
      { state: 'discarded' },
    );
    const { body, text } = await get('');
    expect(body).toMatchObject({ object: 'list', first_id: old, last_id: young, has_more: false });
    expect(body.data).toEqual([
      {
        object: 'dead_letter',
        id: old,
        queue: 'openai-api-usage-dead-letters',
        state: 'stuck',
        reason: 'given up by its queue after all retries',
        attempts: 1,
        request_id: event.request_id,
        cost_nano_usd: 7_000,
        unbilled_nano_usd: 7_000,
        created_at: 1_000,
        stored_at: expect.any(Number),
        state_at: null,
      },
      expect.objectContaining({ id: young, request_id: null, cost_nano_usd: null, unbilled_nano_usd: 0 }),
    ]);
    expect(text).not.toContain('requested_model');
  });

  it('is filtered by state, queue, reason, request and time', async () => {
    const event = usageEvent();
    const [a, b, c] = (await store(
      { created_at: Date.UTC(2026, 10, 1), reason: 'Invalid input: expected STRING', queue: USAGE },
      { created_at: Date.UTC(2026, 10, 2, 8, 30), queue: ANALYTICS, body: event },
      { created_at: Date.UTC(2026, 10, 3), state: 'replayed' },
    )) as [string, string, string];
    const ids = async (query: string) => (await get(`?${query}`)).body.data.map(({ id }: { id: string }) => id);
    expect(await ids('')).toEqual([a, b]);
    expect(await ids('state=replayed')).toEqual([c]);
    expect(await ids('queue=analytics')).toEqual([b]);
    expect(await ids('reason=expected%20string')).toEqual([a]);
    expect(await ids('reason=%25')).toEqual([]);
    expect(await ids(`request_id=${event.request_id}`)).toEqual([b]);
    expect(await ids('from=2026-11-02')).toEqual([b]);
    expect(await ids('to=2026-11-02T08:30:00Z')).toEqual([a]);
    expect(await ids('from=2026-11-02T08:30:00Z&to=2026-11-02T09:30:00%2B01:00')).toEqual([]);
    expect(await ids('state=discarded')).toEqual([]);
  });

  it('is paged in order of time, also where several came at once', async () => {
    const ids = await store(...Array.from({ length: 7 }, (_, n) => ({ created_at: 1_000 * Math.floor(n / 3) })));
    const paged: string[] = [];
    for (let after = ''; ; ) {
      const { body } = await get(`?limit=2&after=${after}`);
      paged.push(...body.data.map(({ id }: { id: string }) => id));
      if (!body.has_more) break;
      after = body.last_id;
    }
    expect(paged).toEqual(ids);
  });

  it.each([
    ['?state=lost', 'state'],
    ['?from=yesterday', 'from'],
    ['?to=2026-13-01', 'to'],
    ['?queue=', 'queue'],
    ['/summary?state=lost', 'state'],
  ])('%s is refused', async (query, param) => {
    const answer = await get(query);
    expect(answer.status).toBe(400);
    expect(errorOf(answer).param).toBe(param);
  });
});

describe('a dead letter', () => {
  it('is shown with its body', async () => {
    const [id] = await store({ body: { any: ['thing', null, 1.5] } });
    expect((await get(`/${id}`)).body).toMatchObject({ id, state: 'stuck', body: { any: ['thing', null, 1.5] } });
  });

  it('that is none is a 404', async () => {
    const answer = await get('/nothing');
    expect(answer.status).toBe(404);
    expect(errorOf(answer)).toMatchObject({
      code: 'dead_letter_not_found',
      message: "No dead letter with the id 'nothing'.",
    });
  });
});

describe('the summary', () => {
  it('tells by queue and state how many there are, since when, and what is not billed', async () => {
    const billed = usageEvent({ cost_nano_usd: 1 });
    const twice = usageEvent({ cost_nano_usd: 1_000_000_000 });
    await bill(billed);
    await store(
      { created_at: 5_000, body: twice },
      { created_at: 4_000, body: twice },
      { created_at: 6_000, body: billed },
      { created_at: 3_000, body: usageEvent({ cost_nano_usd: 20 }), queue: USAGE },
      { created_at: 2_000, body: usageEvent({ cost_nano_usd: 300 }), queue: ANALYTICS },
      { created_at: 9_000, body: usageEvent({ cost_nano_usd: 4_000 }), state: 'discarded' },
      { created_at: 1_000, body: usageEvent({ cost_nano_usd: 50_000 }), state: 'replayed' },
      { created_at: 7_000, body: 'cut short', queue: USAGE },
    );
    const sum = (queue: string, state: string, count: number, oldest_at: number, nano: number, usd: string) => ({
      ...{ queue, state, count, oldest_at },
      ...{ unbilled_nano_usd: nano, unbilled_usd: usd },
    });
    const given = 'openai-api-usage-dead-letters';
    expect((await get('/summary')).body).toEqual({
      object: 'dead_letter.summary',
      data: [
        sum(ANALYTICS, 'stuck', 1, 2, 0, '0.000000000'),
        sum(USAGE, 'stuck', 2, 3, 20, '0.000000020'),
        sum(given, 'discarded', 1, 9, 4_000, '0.000004000'),
        sum(given, 'replayed', 1, 1, 0, '0.000000000'),
        sum(given, 'stuck', 3, 4, 1_000_000_000, '1.000000000'),
      ],
      stuck: { count: 6, oldest_at: 2, unbilled_nano_usd: 1_000_000_020, unbilled_usd: '1.000000020' },
    });
    expect((await get(`/summary?queue=${USAGE}&to=1970-01-01T00:00:04Z`)).body.stuck).toMatchObject({ count: 1 });
  });

  it('of nothing is nothing', async () => {
    expect((await get('/summary')).body).toMatchObject({
      data: [],
      stuck: { count: 0, oldest_at: null, unbilled_nano_usd: 0, unbilled_usd: '0.000000000' },
    });
  });
});

describe('a replay', () => {
  it('sends what is valid to the queue that it came from, marks it, and is audited', async () => {
    const [usage, analytics] = [usageEvent(), { ...usageEvent(), streamed: true, message_count: 1 }];
    const asked = { request_id: uuidv7() };
    const ids = await store(
      { body: usage },
      { body: analytics, queue: ANALYTICS },
      { body: asked, queue: 'openai-api-reconcile-production' },
    );
    const { sent, bindings } = captureQueues();
    const answer = await send('replay', { ids }, bindings);
    expect(answer.body).toMatchObject({ object: 'list', has_more: false, dry_run: false });
    expect(outcomes(answer)).toEqual([
      [ids[0], 'will_be_billed'],
      [ids[1], 'will_be_delivered'],
      [ids[2], 'will_be_delivered'],
    ]);
    expect(sent).toEqual([
      { queue: 'usage', body: usage },
      { queue: 'analytics', body: analytics },
      { queue: 'reconcile', body: asked },
    ]);
    expect((await get('?state=replayed')).body.data).toEqual(
      ids.map((id) => expect.objectContaining({ id, state_at: expect.any(Number), unbilled_nano_usd: 0 })),
    );
    expect(await audited()).toEqual(
      ids.map((target) => ({
        action: 'dead_letter.replay',
        target,
        changes: expect.stringMatching(/^\{"state":"replayed","queue":"openai-api-/),
      })),
    );
  });

  it('that is dry tells what would happen to each, and does nothing', async () => {
    const billed = usageEvent();
    await bill(billed);
    const ids = (await store(
      { body: usageEvent() },
      { body: billed },
      { body: { ...usageEvent(), cost_nano_usd: -1 } },
      { body: '{"request_id":"cut short' },
      { body: usageEvent(), queue: 'openai-api-something-else' },
      { body: { request_id: 'x' }, queue: 'openai-api-reconcile' },
    )) as string[];
    const { sent, bindings } = captureQueues();
    const answer = await send('replay', { filter: {}, dry_run: true }, bindings);
    expect(answer.body.dry_run).toBe(true);
    expect(answer.body.data.map(({ outcome, why }: Changed) => [outcome, why])).toEqual([
      ['will_be_billed', null],
      ['in_ledger', null],
      ['refused', expect.stringMatching(/^The message is invalid: [\s\S]*cost_nano_usd/)],
      ['refused', 'The message is not whole: it was too long to be kept, or is no JSON.'],
      ['refused', "There is no queue to which messages of 'openai-api-something-else' belong."],
      ['refused', expect.stringMatching(/^The message is invalid: [\s\S]*request_id/)],
    ]);
    expect(sent).toEqual([]);
    expect(await statesOf()).toEqual(ids.map((id) => [id, 'stuck']));
    expect(await audited()).toEqual([]);
  });

  it('leaves stuck what is refused, and sends nothing that is in the ledger', async () => {
    const billed = usageEvent();
    await bill(billed);
    const [there, broken] = await store({ body: billed }, { body: { broken: true } });
    const { sent, bindings } = captureQueues();
    const answer = await send('replay', { filter: { queue: 'usage' } }, bindings);
    expect(outcomes(answer)).toEqual([
      [there, 'in_ledger'],
      [broken, 'refused'],
    ]);
    expect(sent).toEqual([]);
    expect(await statesOf()).toEqual([
      [there, 'replayed'],
      [broken, 'stuck'],
    ]);
  });

  it('bills nothing whose ledger row may be in an archive, until that is restored', async () => {
    const at = Date.UTC(2025, 0, 15);
    const event = usageEvent({ request_id: uuidv7(at), created_at: at });
    const [id] = await store({ body: event });
    await env.DB.prepare(
      `INSERT INTO ledger_archives (object, first_request_id, last_request_id, rows, cost_nano_usd, sha256, archived_at, deleted_at)
       VALUES ('archive', ?1, ?2, 2, 0, '', 1, 2)`,
    )
      .bind(uuidv7(at - 1_000), uuidv7(at + 1_000))
      .run();
    const { sent, bindings } = captureQueues();
    const refused = await send('replay', { ids: [id] }, bindings);
    expect(refused.body.data).toEqual([
      expect.objectContaining({ id, outcome: 'refused', why: expect.stringContaining('archive') }),
    ]);
    await env.DB.prepare('UPDATE ledger_archives SET restored_at = ?1').bind(Date.now()).run();
    expect(outcomes(await send('replay', { ids: [id] }, bindings))).toEqual([[id, 'will_be_billed']]);
    expect(sent).toEqual([{ queue: 'usage', body: event }]);
  });

  it('takes up what was replayed or discarded only where it is named', async () => {
    const ids = (await store({ state: 'replayed' }, { state: 'discarded' })) as [string, string];
    const { sent, bindings } = captureQueues();
    expect(outcomes(await send('replay', { filter: {} }, bindings))).toEqual([]);
    expect(sent).toEqual([]);
    expect(outcomes(await send('replay', { ids }, bindings))).toHaveLength(2);
    expect(sent).toHaveLength(2);
    expect(await statesOf()).toEqual(ids.map((id) => [id, 'replayed']));
  });

  it('goes through more than a page, past what is refused', async () => {
    const bodies = Array.from({ length: 230 }, (_, n) => (n % 2 === 0 ? usageEvent() : { broken: n }));
    await store(...bodies.map((body) => ({ body })));
    const { sent, bindings } = captureQueues();
    const sizes: number[] = [];
    for (let after = ''; ; ) {
      const { body } = await send('replay', { filter: {}, after }, bindings);
      sizes.push(body.data.length);
      if (!body.has_more) break;
      after = body.last_id;
    }
    expect(sizes).toEqual([100, 100, 30]);
    expect(sent.map(({ body }) => body)).toEqual(bodies.filter((_, n) => n % 2 === 0));
    expect((await get('/summary')).body.stuck.count).toBe(115);
  });

  it('sends large messages in several batches, none of which is more than a queue takes', async () => {
    const output = 'A'.repeat(120_000);
    const body = () => ({ ...usageEvent(), streamed: false, message_count: 1, output });
    const ids = await store(...Array.from({ length: 5 }, () => ({ body: body(), queue: ANALYTICS })));
    const sizes: number[] = [];
    const ANALYTICS_QUEUE = {
      async sendBatch(messages: { body: unknown }[]) {
        sizes.push(JSON.stringify(messages.map((message) => message.body)).length);
      },
    } as unknown as Queue;
    expect(outcomes(await send('replay', { ids }, { ANALYTICS_QUEUE }))).toHaveLength(5);
    expect(sizes).toHaveLength(5);
    expect(Math.max(...sizes)).toBeLessThan(256_000);
  });

  it('leaves stuck what its queue does not take, and marks the rest', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const [refused, taken] = await store({}, { body: { request_id: uuidv7() }, queue: 'openai-api-reconcile' });
    const { bindings } = captureQueues((queue) => queue !== 'usage');
    const answer = await send('replay', { filter: {} }, bindings);
    expect(outcomes(answer)).toEqual([
      [refused, 'failed'],
      [taken, 'will_be_delivered'],
    ]);
    expect(await statesOf()).toEqual([
      [refused, 'stuck'],
      [taken, 'replayed'],
    ]);
    vi.restoreAllMocks();
  });

  it('that could not be marked is sent once more, and then marked', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const [id] = await store({});
    const { sent, bindings } = captureQueues();
    await env.DB.prepare('ALTER TABLE audit_log RENAME TO audit_log_away').run();
    expect((await send('replay', { ids: [id] }, bindings)).status).toBe(503);
    await env.DB.prepare('ALTER TABLE audit_log_away RENAME TO audit_log').run();
    expect(await statesOf()).toEqual([[id, 'stuck']]);
    expect((await send('replay', { filter: {} }, bindings)).status).toBe(200);
    expect(await statesOf()).toEqual([[id, 'replayed']]);
    expect(sent).toHaveLength(2);
    expect(sent[1]).toEqual(sent[0]);
    vi.restoreAllMocks();
  });
});

describe('a discard', () => {
  it('marks what is stuck, keeps it, and is audited', async () => {
    const ids = (await store({}, { state: 'replayed' }, {})) as [string, string, string];
    const dry = await send('discard', { ids, dry_run: true });
    expect(await statesOf()).toEqual([
      [ids[0], 'stuck'],
      [ids[1], 'replayed'],
      [ids[2], 'stuck'],
    ]);
    const answer = await send('discard', { ids });
    expect(answer.body.data).toEqual(dry.body.data);
    expect(answer.body.data.map(({ outcome, why }: Changed) => [outcome, why])).toEqual([
      ['discarded', null],
      ['refused', 'It is replayed already.'],
      ['discarded', null],
    ]);
    expect(await statesOf()).toEqual([
      [ids[0], 'discarded'],
      [ids[1], 'replayed'],
      [ids[2], 'discarded'],
    ]);
    expect((await audited()).map(({ action, target }) => [action, target])).toEqual([
      ['dead_letter.discard', ids[0]],
      ['dead_letter.discard', ids[2]],
    ]);
  });
});

describe('bad input', () => {
  it.each([
    [{}, 400, null],
    [{ ids: ['x'], filter: {} }, 400, null],
    [{ ids: [] }, 400, 'ids'],
    [{ ids: Array(101).fill('x') }, 400, 'ids'],
    [{ ids: [7] }, 400, 'ids[0]'],
    [{ filter: { state: 'stuck' } }, 400, 'filter'],
    [{ filter: { from: 7 } }, 400, 'filter.from'],
    [{ filter: { from: 'soon' } }, 400, 'filter.from'],
    [{ filter: {}, dry_run: 'yes' }, 400, 'dry_run'],
    [{ ids: ['nothing'] }, 404, null],
  ])('%j is answered %i at %s, and nothing is done', async (body, status, param) => {
    const [id] = await store({});
    const { sent, bindings } = captureQueues();
    for (const path of ['replay', 'discard'] as const) {
      const answer = await send(path, body, bindings);
      expect(answer.status).toBe(status);
      expect(errorOf(answer).param).toBe(param);
    }
    expect(sent).toEqual([]);
    expect(await statesOf()).toEqual([[id, 'stuck']]);
  });

  it('does nothing to those that are there where one is not', async () => {
    const [id] = await store({});
    const { sent, bindings } = captureQueues();
    expect((await send('replay', { ids: [id, 'nothing'] }, bindings)).status).toBe(404);
    expect(sent).toEqual([]);
    expect(await statesOf()).toEqual([[id, 'stuck']]);
  });
});
