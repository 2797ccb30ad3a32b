import { env as bindings } from 'cloudflare:workers';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { evaluateAlerts } from '../../../consumer-worker/alerts/evaluate.ts';
import type { Env } from '../../../consumer-worker/env.ts';
import { ledgerStatements } from '../../../shared/ledger.ts';
import { billedBy } from '../../../shared/pricing.ts';
import type { UsageEvent } from '../../../shared/usage-event.ts';
import { captureLog, failing, freshDatabase, NOW, OVERLOADED, rows, usageEvent } from './support.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ORIGIN = new URL(inject('upstreamUrl')).origin;
const WEBHOOK = `${ORIGIN}/sim/webhook`;

/** All alerts off, but for those that a test sets the threshold of. */
const OFF = Object.fromEntries(
  Object.keys(bindings)
    .filter((name) => name.startsWith('ALERT_'))
    .map((name) => [name, '0']),
);
const envWith = (vars: Partial<Env>): Env =>
  ({ ...bindings, ...OFF, ALERT_MIN_REQUESTS: '10', ALERT_WEBHOOK_URL: WEBHOOK, ...vars }) as Env;

let log: Record<string, unknown>[] = [];
let seen = 0;

beforeEach(async () => {
  log = captureLog();
  await freshDatabase();
  await bindings.DB.batch(
    ['alerts', 'account_comparisons'].map((table) => bindings.DB.prepare(`DELETE FROM ${table}`)),
  );
  seen = (await received()).length;
});

async function received(): Promise<{ text: string }[]> {
  return ((await (await fetch(WEBHOOK)).json()) as { bodies: { text: string }[] }).bodies;
}

/** The messages that the webhook got in this test. */
const posted = async () => (await received()).slice(seen).map(({ text }) => text);

let id = 0;
/** As many requests as are asked for, in the ledger and its rollups. */
async function requests(count: number, changes: Partial<UsageEvent>): Promise<void> {
  const events = Array.from({ length: count }, () => usageEvent(++id, { created_at: NOW, ...changes }));
  await bindings.DB.batch(
    ledgerStatements(
      bindings.DB,
      events.map((event) => billedBy(event)),
    ),
  );
}

/** The value of the only alert that is on. */
async function measured(vars: Partial<Env>, now = NOW): Promise<number | null | undefined> {
  await evaluateAlerts(envWith(vars), now);
  const [row, ...others] = await rows<{ value: number | null }>('SELECT value FROM alerts');
  expect(others).toEqual([]);
  return row?.value;
}

describe('a change of an alert', () => {
  const vars = { ALERT_ERROR_PERCENT: '5' };

  it('is told once, with its value, unit and threshold, and since when', async () => {
    await requests(20, { status: 502 });
    expect(await evaluateAlerts(envWith(vars), NOW)).toEqual({ watched: 1, firing: ['error_rate'], told: 1 });
    expect(await evaluateAlerts(envWith(vars), NOW + 5 * MINUTE)).toEqual({
      ...{ watched: 1, firing: ['error_rate'], told: 0 },
    });
    expect(await posted()).toEqual(['FIRING error_rate: 100 % (threshold: 5 %) since 2026-11-24T10:30:00.000Z']);
    expect(await rows('SELECT * FROM alerts')).toEqual([
      {
        ...{ name: 'error_rate', state: 'firing', value: 100, threshold: 5, changed_at: NOW, told_at: NOW },
        ...{ claimed_until: null, checked_at: NOW + 5 * MINUTE },
      },
    ]);
  });

  it('is told again when all is well again', async () => {
    await requests(20, { status: 502 });
    await evaluateAlerts(envWith(vars), NOW);
    await requests(380, {});
    await evaluateAlerts(envWith(vars), NOW + MINUTE);
    expect(await posted()).toHaveLength(1);
    await requests(1, {});
    await evaluateAlerts(envWith(vars), NOW + 2 * MINUTE);
    expect((await posted()).slice(1)).toEqual([
      'OK error_rate: 4.988 % (threshold: 5 %) since 2026-11-24T10:32:00.000Z',
    ]);
  });

  it('is none where an alert is in order from the beginning', async () => {
    await requests(20, {});
    expect(await evaluateAlerts(envWith(vars), NOW)).toMatchObject({ firing: [], told: 0 });
    expect(await posted()).toEqual([]);
    expect(await rows('SELECT state, told_at FROM alerts')).toEqual([{ state: 'ok', told_at: NOW }]);
  });

  it('is none where nothing can be measured any more', async () => {
    await requests(20, { status: 502 });
    await evaluateAlerts(envWith(vars), NOW);
    expect(await evaluateAlerts(envWith(vars), NOW + DAY)).toMatchObject({ firing: ['error_rate'], told: 0 });
    expect(await rows('SELECT state, value, changed_at FROM alerts')).toEqual([
      { state: 'firing', value: null, changed_at: NOW },
    ]);
  });

  it('is one message with all others of its run', async () => {
    await requests(20, { status: 502, latency_ms: 900_000 });
    await evaluateAlerts(envWith({ ...vars, ALERT_LATENCY_P95_MS: '60000' }), NOW);
    const [text, ...more] = await posted();
    expect(more).toEqual([]);
    expect(text?.split('\n').map((line) => line.split(':')[0])).toEqual(['FIRING error_rate', 'FIRING latency_p95']);
  });

  it('is told later where the webhook is down, and as it is then', async () => {
    const fail = (times: number) =>
      fetch(`${ORIGIN}/sim/faults`, { method: 'POST', body: JSON.stringify({ webhook: { status: 503, times } }) });
    await requests(20, { status: 502 });
    await fail(2);
    for (const now of [NOW, NOW + 5 * MINUTE]) {
      expect(await evaluateAlerts(envWith(vars), now)).toEqual({ watched: 1, firing: ['error_rate'], told: 0 });
    }
    const refused = { level: 'error', event: 'alerts_not_posted', error: 'ALERT_WEBHOOK_URL answered 503.' };
    expect(log).toEqual([expect.objectContaining({ event: 'alert' }), refused, refused]);
    expect(await rows('SELECT state, told_at FROM alerts')).toEqual([{ state: 'firing', told_at: null }]);
    await evaluateAlerts(envWith(vars), NOW + 10 * MINUTE);
    expect(await posted()).toEqual(['FIRING error_rate: 100 % (threshold: 5 %) since 2026-11-24T10:30:00.000Z']);
    expect(await rows('SELECT told_at FROM alerts')).toEqual([{ told_at: NOW + 10 * MINUTE }]);
  });

  it('is told once by two runs at the same time', async () => {
    await requests(20, { status: 502 });
    const runs = await Promise.all([1, 2, 3].map(() => evaluateAlerts(envWith(vars), NOW)));
    expect(runs.map(({ told }) => told).toSorted()).toEqual([0, 0, 1]);
    expect(await posted()).toHaveLength(1);
  });

  it('is told by the next run where one ended while it told it', async () => {
    await requests(20, { status: 502 });
    await evaluateAlerts(envWith(vars), NOW);
    await bindings.DB.prepare('UPDATE alerts SET told_at = NULL, claimed_until = ?1')
      .bind(NOW + MINUTE)
      .run();
    expect(await evaluateAlerts(envWith(vars), NOW)).toMatchObject({ told: 0 });
    expect(await evaluateAlerts(envWith(vars), NOW + 5 * MINUTE)).toMatchObject({ told: 1 });
  });

  it('is a line in the log, where no webhook is set nothing else', async () => {
    await requests(20, { status: 502 });
    expect(await evaluateAlerts(envWith({ ...vars, ALERT_WEBHOOK_URL: '' }), NOW)).toMatchObject({ told: 1 });
    expect(log).toEqual([
      {
        ...{ level: 'warn', event: 'alert', alert: 'error_rate', state: 'firing', value: 100, threshold: 5 },
        changed_at: NOW,
      },
    ]);
    expect(await posted()).toEqual([]);
  });

  it('does not show the webhook to anybody', async () => {
    await requests(20, { status: 502 });
    await evaluateAlerts(envWith({ ...vars, ALERT_WEBHOOK_URL: 'no URL but a secret' }), NOW);
    expect(log).toContainEqual(expect.objectContaining({ error: 'ALERT_WEBHOOK_URL cannot be reached.' }));
    expect(JSON.stringify(log)).not.toContain('secret');
  });
});

describe('a database that is away', () => {
  const HOUR_BEGINS = NOW - 30 * MINUTE;
  const away = (): Partial<Env> => ({ ALERT_ERROR_PERCENT: '5', DB: failing(Array(9).fill(OVERLOADED)).db });

  it('is told by the first run of an hour, by no other, and fails the run all the same', async () => {
    for (const minutes of [0, 5, 55, 60]) {
      const run = evaluateAlerts(envWith(away()), HOUR_BEGINS + minutes * MINUTE);
      await expect(run).rejects.toThrow(OVERLOADED);
    }
    expect(await posted()).toEqual([
      'FIRING database: could not be used at 2026-11-24T10:00:00.000Z; until it can, no alert is told',
      'FIRING database: could not be used at 2026-11-24T11:00:00.000Z; until it can, no alert is told',
    ]);
  });

  it('is told nobody where no webhook is set, or that is down too', async () => {
    const run = (url: string) => evaluateAlerts(envWith({ ...away(), ALERT_WEBHOOK_URL: url }), HOUR_BEGINS);
    for (const url of ['', `${ORIGIN}/nowhere`]) await expect(run(url)).rejects.toThrow(OVERLOADED);
    expect(log).toMatchObject([{ event: 'alerts_not_posted', error: 'ALERT_WEBHOOK_URL answered 404.' }]);
  });
});

describe('an alert', () => {
  it('is in no state while it is off', async () => {
    await requests(20, { status: 502 });
    await evaluateAlerts(envWith({ ALERT_ERROR_PERCENT: '5' }), NOW);
    expect(await evaluateAlerts(envWith({}), NOW)).toEqual({ watched: 0, firing: [], told: 0 });
    expect(await rows('SELECT * FROM alerts')).toEqual([]);
  });

  it('whose threshold is no number is off, says so, and holds up no other', async () => {
    await requests(20, { status: 502 });
    const odd = { ALERT_DEAD_LETTERS: '-1', ALERT_GIVEN_UP: 'Infinity', ALERT_SPEND_FACTOR: 'five' };
    const run = await evaluateAlerts(envWith({ ALERT_ERROR_PERCENT: '5', ...odd }), NOW);
    expect(run).toMatchObject({ watched: 1, firing: ['error_rate'] });
    expect(log.filter(({ event }) => event === 'alert_not_measured').map(({ alert }) => alert)).toEqual([
      'dead_letters',
      'given_up',
      'spend_jump',
    ]);
  });

  it('that cannot be measured holds up no other', async () => {
    await requests(20, { status: 502 });
    await bindings.DB.exec('ALTER TABLE dead_letters RENAME TO elsewhere');
    try {
      const vars = { ALERT_ERROR_PERCENT: '5', ALERT_DEAD_LETTERS: '1' };
      expect(await evaluateAlerts(envWith(vars), NOW)).toMatchObject({ watched: 2, firing: ['error_rate'] });
    } finally {
      await bindings.DB.exec('ALTER TABLE elsewhere RENAME TO dead_letters');
    }
    expect(log).toContainEqual(expect.objectContaining({ level: 'error', alert: 'dead_letters' }));
    expect(await rows("SELECT state, value FROM alerts WHERE name = 'dead_letters'")).toEqual([
      { state: 'ok', value: null },
    ]);
  });

  it('has a threshold in wrangler.consumer.toml, and no alert but for it fires in an idle service', async () => {
    const run = await evaluateAlerts({ ...(bindings as unknown as Env), ALERT_WEBHOOK_URL: WEBHOOK }, NOW);
    expect(run).toEqual({ watched: 8, firing: [], told: 0 });
    expect(log).toEqual([]);
  });
});

describe('what is measured', () => {
  const percent = { ALERT_ERROR_PERCENT: '5' };

  it('error_rate: of the present hour, of all accounts; not clients that left', async () => {
    await requests(50, { status: 500, created_at: NOW - HOUR });
    await requests(6, { user_id: 'account-2' });
    await requests(1, { status: 429 });
    await requests(3, { status: 499 });
    expect(await measured(percent)).toBe(10);
  });

  it('error_rate: of the hour before while the present one has too few requests; then of none', async () => {
    await requests(9, { status: 500 });
    await requests(16, { created_at: NOW - HOUR });
    await requests(4, { status: 502, created_at: NOW - HOUR });
    expect(await measured(percent)).toBe(20);
    expect(await measured(percent, NOW + HOUR)).toBeNull();
    expect(await measured(percent, NOW + 3 * HOUR)).toBeNull();
  });

  it('latency_p95: a quarter off at most, of all accounts', async () => {
    for (const n of Array.from({ length: 20 }, (_, index) => index + 1)) {
      await requests(5, { latency_ms: n * 1000, ttft_ms: 1, user_id: n % 2 ? 'account-1' : 'account-2' });
    }
    const value = (await measured({ ALERT_LATENCY_P95_MS: '60000' })) ?? 0;
    expect(Math.abs(value / 19_000 - 1)).toBeLessThan(1 / 4);
  });

  it('queue_backlog: of the fullest queue; null where none tells', async () => {
    const queue = (metrics?: () => Promise<unknown>) => ({ ...(metrics && { metrics }) }) as unknown as Queue;
    const vars = (first: Queue) => ({
      ...{ ALERT_QUEUE_BACKLOG: '10', USAGE_QUEUE: first, RECONCILE_QUEUE: queue() },
      ANALYTICS_QUEUE: queue(() => Promise.reject(new Error('away'))),
    });
    expect(await measured(vars(queue(() => Promise.resolve({ backlogCount: 12 }))))).toBe(12);
    expect(await measured(vars(queue()))).toBeNull();
    expect(await measured({ ALERT_QUEUE_BACKLOG: '10' })).toBe(0);
  });

  it('dead_letters: those that are stuck', async () => {
    const insert = `INSERT INTO dead_letters (id, queue, body, reason, attempts, created_at, stored_at, state)
                    SELECT value, 'q', '{}', 'r', 1, 1, 1, value FROM json_each(?1)`;
    await bindings.DB.prepare(insert).bind('["stuck","replayed","discarded"]').run();
    expect(await measured({ ALERT_DEAD_LETTERS: '1' })).toBe(1);
  });

  const attempts = (states: readonly [string, number, string | null, cost?: number][]) =>
    bindings.DB.batch(
      states.map(([state, updatedAt, generation, cost], n) =>
        bindings.DB.prepare(
          `INSERT INTO unpriced_attempts (request_id, attempt, model, generation_id, usage_source, relayed, state, created_at, updated_at, cost_nano_usd)
           VALUES ('r', ?1, 'm', ?2, 'provider', 1, ?3, 1, ?4, ?5)`,
        ).bind(n, generation, state, updatedAt, cost ?? null),
      ),
    );

  it('missing_prices: attempts whose model has none', async () => {
    await attempts([
      ['no_price', 1, null],
      ['no_price', NOW, null],
      ['given_up', NOW, 'gen'],
      ['given_up', NOW, 'gen', 0],
      ['priced', NOW, null, 7],
      ['pending', NOW, 'gen'],
    ]);
    expect(await measured({ ALERT_MISSING_PRICES: '1' })).toBe(3);
  });

  it('given_up: attempts of the last day that the upstream could have told', async () => {
    await attempts([
      ['given_up', NOW - DAY + 1, 'gen'],
      ['given_up', NOW - DAY, 'gen'],
      ['given_up', NOW, null],
      ['reconciled', NOW, 'gen'],
    ]);
    expect(await measured({ ALERT_GIVEN_UP: '1' })).toBe(1);
  });

  it('what is open and what is stuck, by their indexes', async () => {
    const asked: string[] = [];
    const DB = new Proxy(bindings.DB, {
      get: (target, name) => (sql: string) => {
        if (name === 'prepare') asked.push(sql);
        return Reflect.get(target, name).call(target, sql);
      },
    });
    const vars = { ALERT_MISSING_PRICES: '1', ALERT_GIVEN_UP: '1', ALERT_DEAD_LETTERS: '1' };
    await evaluateAlerts(envWith({ ...vars, DB }), NOW);
    const counts = asked.filter((sql) => /^\s*SELECT count/.test(sql));
    const plans = await Promise.all(
      counts.map((sql) => rows<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql.replace('?1', '1')}`)),
    );
    expect(plans.map(([plan]) => plan?.detail)).toEqual([
      expect.stringContaining('INDEX dead_letters_by_state (state=?)'),
      expect.stringContaining('INDEX unpriced_attempts_without_cost'),
      expect.stringContaining('INDEX unpriced_attempts_open (state=? AND updated_at>?)'),
    ]);
  });

  const factor = { ALERT_SPEND_FACTOR: '5' };
  const dollars = (usd: number, hoursAgo: number) =>
    requests(1, { cost_nano_usd: usd * 1e9, created_at: NOW - hoursAgo * HOUR });

  it('spend_jump: the last full hour in average hours of the week before', async () => {
    await dollars(1_000_000, 0);
    await dollars(20, 1);
    await dollars(2 * 168, 2);
    await dollars(1_000_000, 170);
    expect(await measured(factor)).toBe(10);
  });

  it('spend_jump: pennies after pennies are none, dollars after nothing are', async () => {
    await dollars(0.5, 1);
    expect(await measured(factor)).toBe(0.5);
    await dollars(6.5, 1);
    expect(await measured(factor)).toBe(7);
  });

  it('account_drift: in dollars, of the last comparison, in either direction; of none that is two days old', async () => {
    const drift = { ALERT_ACCOUNT_DRIFT_USD: '1' };
    expect(await measured(drift)).toBeNull();
    for (const [at, nano] of [
      [NOW - 2 * DAY, 5_000_000_000],
      [NOW - DAY, -1_500_000_001],
    ]) {
      await bindings.DB.prepare('INSERT INTO account_comparisons VALUES (?1, 0, 0, 0, ?2)').bind(at, nano).run();
    }
    expect(await measured(drift)).toBe(1.500000001);
    expect(await measured(drift, NOW + DAY)).toBeNull();
  });
});
