import { beforeAll, describe, expect, it } from 'vitest';
import { applySchema, call, createKey, env, errorOf } from './support.ts';

const AT = Date.UTC(2026, 10, 3, 8);

let admin: string;
beforeAll(async () => {
  await applySchema();
  admin = await createKey('operator', { permissions: ['admin'] });
});

const get = async (path: string) => {
  const answer = await call(`/admin/${path}`, { key: admin });
  return { ...answer, body: JSON.parse(answer.text) };
};

describe('GET /admin/alerts', () => {
  it('shows the state of each, as last measured', async () => {
    expect((await get('alerts')).body).toEqual({ object: 'list', data: [] });
    await env.DB.prepare(
      `INSERT INTO alerts (name, state, value, threshold, changed_at, told_at, claimed_until, checked_at) VALUES
       ('latency_p95', 'ok', NULL, 60000, ?1, ?1, NULL, ?2), ('error_rate', 'firing', 7.5, 5, ?1, NULL, ?2, ?2)`,
    )
      .bind(AT, AT + 300_000)
      .run();
    const times = { object: 'alert', changed_at: AT / 1000, checked_at: AT / 1000 + 300 };
    expect((await get('alerts')).body.data).toEqual([
      { ...times, name: 'error_rate', state: 'firing', value: 7.5, threshold: 5, told_at: null },
      { ...times, name: 'latency_p95', state: 'ok', value: null, threshold: 60_000, told_at: AT / 1000 },
    ]);
  });
});

describe('GET /admin/account-comparisons', () => {
  it('is paged, the newest first', async () => {
    const days = [0, 1, 2].map((day) => AT + day * 86_400_000);
    await env.DB.batch(
      days.map((at, n) =>
        env.DB.prepare('INSERT INTO account_comparisons VALUES (?1, 5000000000, ?2, ?3, ?4)').bind(
          ...[at, 5_000_000_000 + 7 * n, -7 * n, n === 0 ? 0 : -7],
        ),
      ),
    );
    const first = (await get('account-comparisons?limit=2')).body;
    expect(first).toMatchObject({ object: 'list', has_more: true, last_id: String(days[1]) });
    expect(first.data[0]).toEqual({
      ...{ object: 'account_comparison', id: String(days[2]), compared_at: (days[2] ?? 0) / 1000 },
      ...{ upstream_nano_usd: 5_000_000_000, ledger_nano_usd: 5_000_000_014 },
      ...{ difference_nano_usd: -14, difference_usd: '-0.000000014' },
      ...{ drift_nano_usd: -7, drift_usd: '-0.000000007' },
    });
    const rest = (await get(`account-comparisons?limit=2&after=${first.last_id}`)).body;
    expect(rest).toMatchObject({ has_more: false, data: [{ id: String(days[0]) }] });
    expect(errorOf(await get('account-comparisons?after=x')).param).toBe('after');
  });
});
