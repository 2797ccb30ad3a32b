import { beforeAll, describe, expect, it, vi } from 'vitest';
import { applySchema, call, chat, createKey, env, errorOf, HELLO } from './support.ts';

let admin: string;
let key: string;
beforeAll(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  await applySchema();
  admin = await createKey('operator', { permissions: ['admin'] });
  key = await createKey('ada');
});

const view = async (changed = {}) => {
  const answer = await call('/admin/upstream', { key: admin, env: changed });
  expect(answer.status).toBe(200);
  return JSON.parse(answer.text);
};
const circuit = (model: string, openUntil: unknown) => env.CACHE.put(`circuit:${model}`, JSON.stringify({ openUntil }));

describe('GET /admin/upstream', () => {
  it('tells whether the upstream is there, what it lists, and how its account stands beside the ledger', async () => {
    expect(await view()).toEqual({
      ...{ object: 'upstream', status: 'ok', base_url: env.UPSTREAM_BASE_URL, models: 11, circuits: [] },
      ...{ checked_at: expect.stringMatching(/^\d{4}-.*Z$/), latest_comparison: null },
    });
    await env.DB.prepare('INSERT INTO account_comparisons VALUES (5000, 1, 1, 0, 0), (9000, 30, 10, 20, 20)').run();
    expect((await view()).latest_comparison).toMatchObject({
      ...{ object: 'account_comparison', id: '9000', compared_at: 9, upstream_nano_usd: 30, ledger_nano_usd: 10 },
      ...{ difference_usd: '0.000000020', drift_usd: '0.000000020' },
    });
  });

  it('tells the circuits that KV or this isolate knows to be open, and no others', async () => {
    const until = Date.now() + 20_000;
    await Promise.all([
      circuit('b/elsewhere', until),
      circuit('a/elsewhere', until + 1),
      circuit('a/over', Date.now() - 1),
      circuit('a/nonsense', 'soon'),
    ]);
    const model = 'sim/status-500/seen';
    for (let n = 0; n < 10; n += 1) await chat(key, { ...HELLO, model }, { UPSTREAM_RETRIES: '0' });
    const { circuits } = await view();
    expect(circuits).toEqual([
      { model: 'a/elsewhere', open_until: new Date(until + 1).toISOString() },
      { model: 'b/elsewhere', open_until: new Date(until).toISOString() },
      { model, open_until: expect.stringMatching(/Z$/) },
    ]);
    expect(Date.parse(circuits[2].open_until)).toBeGreaterThan(Date.now());
    const down = {
      list: () => Promise.reject(new Error('KV is down')),
      get: async () => null,
      put: async () => undefined,
    };
    expect((await view({ CACHE: down })).circuits, 'without KV, what is seen here').toEqual([circuits[2]]);
  });

  it('answers without the list of models where there is none', async () => {
    await env.CACHE.delete('models');
    expect(await view({ UPSTREAM_BASE_URL: 'http://127.0.0.1:9' })).toMatchObject({ models: null });
  });

  it('tells the rest while the database is away', async () => {
    await view();
    const DB = {
      prepare: () => {
        throw new Error('D1_ERROR: overloaded');
      },
    };
    expect(await view({ DB })).toMatchObject({ status: 'ok', models: 11, latest_comparison: null });
  });

  it('is for admins', async () => {
    const answer = await call('/admin/upstream', { key });
    expect([answer.status, errorOf(answer).code]).toEqual([403, 'insufficient_permissions']);
  });
});
