import { beforeAll, describe, expect, it } from 'vitest';
import { isMistyped } from '../../../api-worker/auth/api-key.ts';
import { sha256Hex } from '../../../shared/ids.ts';
import { applySchema, call, createKey, env, errorOf } from './support.ts';

let admin: string;
beforeAll(async () => {
  await applySchema();
  admin = await createKey('operator', { permissions: ['admin'] });
});

/** A request of the operator's; the answer's JSON as `body`. */
async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const answer = await call(`/admin${path}`, {
    method,
    key: admin,
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { ...answer, body: JSON.parse(answer.text) };
}

const models = async (key: string) => (await call('/v1/models', { key })).status;
const auditOf = async (target: string) => (await ask('GET', `/audit-log?target=${target}`)).body.data;

/** All that an admin can change, as it stands. */
async function everything() {
  const tables = ['users', 'api_keys', 'rate_limits', 'audit_log'];
  return Promise.all(tables.map(async (table) => (await env.DB.prepare(`SELECT * FROM ${table}`).all()).results));
}

describe('users', () => {
  it('are created, found, changed and listed', async () => {
    const created = await ask('POST', '/users', {
      id: 'ada@example.com',
      name: ' Ada ',
      tier: 'premium',
      limits: { budget_month_nano_usd: 5_000_000_000 },
    });
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      object: 'user',
      id: 'ada@example.com',
      name: 'Ada',
      tier: 'premium',
      is_active: true,
      limits: { budget_month_nano_usd: 5_000_000_000, requests_per_minute: null },
    });
    expect(Math.abs(created.body.created_at - Date.now() / 1000)).toBeLessThan(10);
    expect((await ask('GET', '/users/ada@example.com')).body).toEqual(created.body);

    const changed = await ask('PATCH', '/users/ada@example.com', {
      name: 'Ada L.',
      tier: 'free',
      limits: { requests_per_minute: 7, budget_month_nano_usd: null },
    });
    expect(changed.body).toMatchObject({
      name: 'Ada L.',
      tier: 'free',
      limits: { requests_per_minute: 7, budget_month_nano_usd: null },
    });
    expect((await ask('GET', '/users?limit=100')).body.data).toContainEqual(changed.body);
  });

  it('get an id and a name where none is given', async () => {
    const { status, body } = await ask('POST', '/users', {});
    expect(status).toBe(201);
    expect(body.id).toMatch(/^user_[0-9a-f-]{36}$/);
    expect(body).toMatchObject({ name: body.id, tier: 'standard' });
  });

  it('are not created twice', async () => {
    await ask('POST', '/users', { id: 'twice' });
    const again = await ask('POST', '/users', { id: 'twice', name: 'other' });
    expect(again.status).toBe(409);
    expect(errorOf(again)).toMatchObject({ param: 'id', code: 'user_exists' });
    expect(await auditOf('twice')).toHaveLength(1);
  });

  it('are not created twice at once either', async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => ask('POST', '/users', { id: 'racing' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
  });

  it('lose all their keys’ access at once when they are made inactive', async () => {
    await ask('POST', '/users', { id: 'leaver' });
    const { key } = (await ask('POST', '/users/leaver/keys', {})).body;
    expect(await models(key)).toBe(200);
    await ask('PATCH', '/users/leaver', { is_active: false });
    expect(await models(key)).toBe(401);
    await ask('PATCH', '/users/leaver', { is_active: true });
    expect(await models(key)).toBe(200);
  });

  it('have their new limits in force at once', async () => {
    await ask('POST', '/users', { id: 'limited' });
    const { key } = (await ask('POST', '/users/limited/keys', {})).body;
    const limit = async () => (await call('/v1/models', { key })).headers.get('x-ratelimit-limit-requests');
    expect(await limit()).toBe('600');
    await ask('PATCH', '/users/limited', { limits: { requests_per_minute: 3 } });
    expect(await limit()).toBe('3');
    await ask('PATCH', '/users/limited', { tier: 'free', limits: { requests_per_minute: null } });
    expect(await limit()).toBe('20');
  });
});

describe('keys', () => {
  beforeAll(async () => {
    await ask('POST', '/users', { id: 'owner' });
  });

  it('are shown once, and work', async () => {
    const { status, body, text } = await ask('POST', '/users/owner/keys', { name: 'laptop', rate_limit: 9 });
    expect(status).toBe(201);
    expect(body.key).toMatch(/^sk-wm-[0-9A-Za-z]{49}$/);
    expect(isMistyped(body.key)).toBe(false);
    expect(body).toMatchObject({
      object: 'api_key',
      user_id: 'owner',
      name: 'laptop',
      prefix: body.key.slice(0, 12),
      permissions: ['read', 'write'],
      rate_limit: 9,
      tier: null,
      is_active: true,
      expires_at: null,
      last_used_at: null,
    });
    expect(await models(body.key)).toBe(200);

    const hash = await sha256Hex(body.key);
    expect(text).not.toContain(hash);
    for (const path of [`/keys/${body.id}`, '/keys?user_id=owner', '/audit-log']) {
      const shown = (await ask('GET', path)).text;
      expect(shown).not.toContain(hash);
      expect(shown).not.toContain(body.key);
    }
    expect(JSON.stringify(await everything())).not.toContain(body.key);
  });

  it('may do what they are permitted to, and no more', async () => {
    const { key, permissions } = (await ask('POST', '/users/owner/keys', { permissions: ['write', 'write'] })).body;
    expect(permissions).toEqual(['write']);
    expect(await models(key)).toBe(403);
  });

  it('are renamed and given other limits, in force at once', async () => {
    const { id, key } = (await ask('POST', '/users/owner/keys', {})).body;
    expect(await models(key)).toBe(200);
    const changed = await ask('PATCH', `/keys/${id}`, { name: 'renamed', rate_limit: 5, permissions: ['write'] });
    expect(changed.body).toMatchObject({ id, name: 'renamed', rate_limit: 5, permissions: ['write'], tier: null });
    expect(await models(key)).toBe(403);
    expect((await ask('GET', `/keys/${id}`)).body).toEqual(changed.body);
  });

  it('are rotated with an overlap: both work, then the new one alone', async () => {
    const old = (await ask('POST', '/users/owner/keys', { name: 'ci', rate_limit: 11, tier: 'premium' })).body;
    expect(await models(old.key)).toBe(200);
    const { status, body } = await ask('POST', `/keys/${old.id}/rotate`, { overlap_seconds: 600 });
    expect(status).toBe(201);
    expect(body).toMatchObject({ user_id: 'owner', name: 'ci', rate_limit: 11, tier: 'premium', expires_at: null });
    expect(body.key).not.toBe(old.key);
    expect(body.rotated).toMatchObject({ id: old.id });
    expect(Math.abs(body.rotated.expires_at - Date.now() / 1000 - 600)).toBeLessThan(5);
    expect([await models(old.key), await models(body.key)]).toEqual([200, 200]);

    await ask('POST', `/keys/${body.id}/rotate`, { overlap_seconds: 0 });
    expect(await models(body.key), 'no overlap').toBe(401);
    const again = await ask('POST', `/keys/${body.id}/rotate`, {});
    expect(again.status).toBe(409);
  });

  it('keep a rotation’s end however a rename races it', async () => {
    for (let n = 0; n < 5; n += 1) {
      const { id } = (await ask('POST', '/users/owner/keys', {})).body;
      // A tier is looked up between reading the key and writing it.
      const renaming = ask('PATCH', `/keys/${id}`, { name: `racing ${n}`, tier: 'premium' });
      await Promise.all([renaming, ask('POST', `/keys/${id}/rotate`, {})]);
      const { body } = await ask('GET', `/keys/${id}`);
      expect(body).toMatchObject({ name: `racing ${n}`, expires_at: expect.any(Number) });
    }
  });

  it('are revoked: at once here, and with nothing left in KV for the others', async () => {
    const { id, key } = (await ask('POST', '/users/owner/keys', {})).body;
    expect(await models(key)).toBe(200);
    expect((await ask('DELETE', `/keys/${id}`)).body).toEqual({ object: 'api_key.deleted', id, deleted: true });
    expect(await models(key)).toBe(401);
    expect(await env.CACHE.get(`key:${await sha256Hex(key)}`)).toBeNull();
    expect((await ask('DELETE', `/keys/${id}`)).status, 'again').toBe(200);
    expect((await auditOf(id)).map(({ action }: { action: string }) => action)).toEqual(['key.revoke', 'key.create']);
    expect((await ask('GET', `/keys/${id}`)).body.is_active).toBe(false);
  });

  it('expire when they are told to', async () => {
    const { key } = (await ask('POST', '/users/owner/keys', { expires_at: Math.floor(Date.now() / 1000) - 1 })).body;
    expect(await models(key)).toBe(401);
  });
});

describe('tiers', () => {
  it('are listed and changed', async () => {
    const tiers = (await ask('GET', '/tiers')).body.data;
    expect(tiers.map(({ id }: { id: string }) => id)).toEqual(['free', 'premium', 'standard', 'unlimited']);
    const changed = await ask('PATCH', '/tiers/premium', { requests_per_minute: 5999, concurrent_requests: null });
    expect(changed.body).toMatchObject({
      object: 'tier',
      id: 'premium',
      limits: { requests_per_minute: 5999, concurrent_requests: null, tokens_per_minute: 40_000_000 },
    });
    expect((await ask('GET', '/tiers')).body.data).toContainEqual(changed.body);
  });
});

describe('the audit log', () => {
  it('tells who changed what, when and from where', async () => {
    const made = await call('/admin/users', {
      method: 'POST',
      key: admin,
      headers: { 'content-type': 'application/json', 'cf-connecting-ip': '2001:db8::7' },
      body: JSON.stringify({ id: 'audited', tier: 'free' }),
    });
    const [entry] = await auditOf('audited');
    expect(entry).toMatchObject({
      object: 'audit_log.entry',
      actor_user_id: 'operator',
      actor_key_id: 'key_operator',
      action: 'user.create',
      target: 'audited',
      changes: { name: 'audited', tier: 'free' },
      address: '2001:db8::7',
      request_id: made.headers.get('x-request-id'),
    });
    expect(Math.abs(entry.created_at - Date.now() / 1000)).toBeLessThan(10);
  });
});

describe('lists', () => {
  it('page through everything once, in order, by cursor', async () => {
    for (let n = 0; n < 7; n += 1) await ask('POST', '/users', { id: `page-${n}` });
    for (const path of ['/users', '/keys', '/audit-log']) {
      const all = (await ask('GET', `${path}?limit=100`)).body.data.map(({ id }: { id: string }) => id);
      const paged: string[] = [];
      for (let after = ''; ; ) {
        const { body } = await ask('GET', `${path}?limit=3&after=${after}`);
        paged.push(...body.data.map(({ id }: { id: string }) => id));
        expect(body).toMatchObject({ object: 'list', first_id: body.data[0].id, last_id: body.data.at(-1).id });
        if (!body.has_more) break;
        after = body.last_id;
      }
      expect(paged).toEqual(all);
    }
  });
});

describe('bad input', () => {
  const wrong: [string, string, unknown, number, string | null, string | null][] = [
    ['POST', '/users', '{', 400, 'invalid_json', null],
    ['POST', '/users', [], 400, 'invalid_type', null],
    ['POST', '/users', { id: '' }, 400, 'invalid_value', 'id'],
    ['POST', '/users', { id: 'a/b' }, 400, 'invalid_value', 'id'],
    ['POST', '/users', { id: 'x'.repeat(129) }, 400, 'invalid_value', 'id'],
    ['POST', '/users', { id: 7 }, 400, 'invalid_type', 'id'],
    ['POST', '/users', { name: ' ' }, 400, 'string_below_min_length', 'name'],
    ['POST', '/users', { name: 'x'.repeat(257) }, 400, 'string_above_max_length', 'name'],
    ['POST', '/users', { tier: 'gold' }, 400, 'invalid_value', 'tier'],
    ['POST', '/users', { surname: 'x' }, 400, 'unknown_parameter', null],
    [
      'POST',
      '/users',
      { limits: { requests_per_minute: -1 } },
      400,
      'integer_below_min_value',
      'limits.requests_per_minute',
    ],
    ['POST', '/users', { limits: { budget_day_nano_usd: 1.5 } }, 400, 'invalid_type', 'limits.budget_day_nano_usd'],
    [
      'POST',
      '/users',
      { limits: { budget_day_nano_usd: 1e300 } },
      400,
      'integer_above_max_value',
      'limits.budget_day_nano_usd',
    ],
    ['POST', '/users', { limits: { dollars: 1 } }, 400, 'unknown_parameter', 'limits'],
    ['PATCH', '/users/target', {}, 400, 'invalid_value', null],
    ['PATCH', '/users/target', { id: 'other' }, 400, 'unknown_parameter', null],
    ['PATCH', '/users/target', { is_active: 1 }, 400, 'invalid_type', 'is_active'],
    ['PATCH', '/users/target', { tier: null }, 400, 'invalid_type', 'tier'],
    ['PATCH', '/users/target', { name: 'changed', tier: 'gold' }, 400, 'invalid_value', 'tier'],
    ['PATCH', '/users/nobody', { name: 'x' }, 404, 'user_not_found', null],
    ['GET', '/users/nobody', undefined, 404, 'user_not_found', null],
    ['GET', '/users/%00', undefined, 404, 'user_not_found', null],
    ['GET', "/users/' OR 1=1 --", undefined, 404, 'user_not_found', null],
    ['POST', '/users/nobody/keys', {}, 404, 'user_not_found', null],
    ['POST', '/users/target/keys', { permissions: [] }, 400, 'empty_array', 'permissions'],
    ['POST', '/users/target/keys', { permissions: ['root'] }, 400, 'invalid_value', 'permissions[0]'],
    ['POST', '/users/target/keys', { permissions: 'read' }, 400, 'invalid_type', 'permissions'],
    ['POST', '/users/target/keys', { rate_limit: -1 }, 400, 'integer_below_min_value', 'rate_limit'],
    ['POST', '/users/target/keys', { tier: 'gold' }, 400, 'invalid_value', 'tier'],
    ['POST', '/users/target/keys', { expires_at: '2027' }, 400, 'invalid_type', 'expires_at'],
    ['POST', '/users/target/keys', { key: 'sk-mine' }, 400, 'unknown_parameter', null],
    ['PATCH', '/keys/key_target', {}, 400, 'invalid_value', null],
    ['PATCH', '/keys/key_target', { is_active: true }, 400, 'unknown_parameter', null],
    ['PATCH', '/keys/key_target', { permissions: null }, 400, 'invalid_type', 'permissions'],
    ['PATCH', '/keys/nothing', { name: 'x' }, 404, 'key_not_found', null],
    ['GET', '/keys/nothing', undefined, 404, 'key_not_found', null],
    ['DELETE', '/keys/nothing', undefined, 404, 'key_not_found', null],
    ['POST', '/keys/nothing/rotate', {}, 404, 'key_not_found', null],
    ['POST', '/keys/key_target/rotate', { overlap_seconds: -1 }, 400, 'integer_below_min_value', 'overlap_seconds'],
    ['POST', '/keys/key_target/rotate', { overlap_seconds: 1e9 }, 400, 'integer_above_max_value', 'overlap_seconds'],
    ['PATCH', '/tiers/gold', { requests_per_minute: 1 }, 404, 'tier_not_found', null],
    ['PATCH', '/tiers/free', {}, 400, 'invalid_value', null],
    ['PATCH', '/tiers/free', { requests_per_minute: '1' }, 400, 'invalid_type', 'requests_per_minute'],
    ['GET', '/users?limit=0', undefined, 400, null, 'limit'],
    ['GET', '/users?limit=101', undefined, 400, null, 'limit'],
    ['GET', '/users?limit=x', undefined, 400, 'invalid_value', 'limit'],
    ['GET', '/users?limit=1&limit=2', undefined, 400, 'invalid_type', 'limit'],
    ['GET', '/users?page=2', undefined, 400, 'unknown_parameter', null],
    ['GET', '/nothing', undefined, 404, 'unknown_url', null],
    ['PUT', '/users', {}, 405, 'method_not_allowed', null],
    ['DELETE', '/users/target', undefined, 405, 'method_not_allowed', null],
  ];

  beforeAll(async () => {
    await createKey('target');
  });

  it.each(wrong)(
    '%s %s %j is answered %i %s at %s, and nothing is written',
    async (method, path, body, status, code, param) => {
      const before = await everything();
      const answer = await ask(method, path, body);
      expect(answer.status).toBe(status);
      const error = errorOf(answer);
      expect(error.type).toBe('invalid_request_error');
      expect(error.message.length).toBeGreaterThan(10);
      if (code !== null) expect(error.code).toBe(code);
      expect(error.param).toBe(param);
      expect(await everything()).toEqual(before);
    },
  );

  it.each([
    ['a body that is not said to be JSON', { 'content-type': 'text/plain' }, '{}', 415],
    [
      'a body that is too large',
      { 'content-type': 'application/json' },
      `{"name":"${'x'.repeat(21 * 1024 * 1024)}"}`,
      413,
    ],
  ])('%s is refused', async (_, headers, body, status) => {
    expect((await call('/admin/users', { method: 'POST', key: admin, headers, body })).status).toBe(status);
  });

  it('a change whose audit entry cannot be written is not made', async () => {
    await createKey('unaudited');
    await env.DB.prepare('ALTER TABLE audit_log RENAME TO audit_log_away').run();
    const answer = await ask('PATCH', '/users/unaudited', { name: 'changed', limits: { requests_per_minute: 1 } });
    await env.DB.prepare('ALTER TABLE audit_log_away RENAME TO audit_log').run();
    expect(answer.status).toBe(503);
    expect((await ask('GET', '/users/unaudited')).body).toMatchObject({
      name: 'unaudited',
      limits: { requests_per_minute: null },
    });
  });
});
