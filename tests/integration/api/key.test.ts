import { sign } from 'hono/jwt';
import { beforeAll, describe, expect, it } from 'vitest';
import { applySchema, call, createKey, env } from './support.ts';

beforeAll(applySchema);

const own = async (key: string, changed = {}) => {
  const answer = await call('/v1/key', { key, env: changed });
  expect(answer.status).toBe(200);
  return JSON.parse(answer.text);
};

const JWT = { JWT_SECRET: 'a secret of the tests, 32 characters or more', JWT_ISSUER: 'tests', JWT_AUDIENCE: 'api' };
const token = (exp: number) =>
  sign({ sub: 'ada', permissions: [], iss: 'tests', aud: 'api', exp }, JWT.JWT_SECRET, 'HS256');

describe('GET /v1/key', () => {
  it.each(['read', 'write', 'admin'] as const)('tells what a key is that has %s alone', async (permission) => {
    const expires_at = Date.now() + 60_000;
    const key = await createKey(`own-${permission}`, { permissions: [permission], rate_limit: 9, expires_at });
    expect(await own(key)).toEqual({
      ...{ object: 'key', id: `key_own-${permission}`, name: `key_own-${permission}`, user_id: `own-${permission}` },
      ...{ tier: 'standard', permissions: [permission], rate_limit: 9, expires_at: new Date(expires_at).toISOString() },
    });
  });

  it('tells the tier of the key before that of its account, and null of what it has not', async () => {
    const key = await createKey('own-tier', { tier: 'premium' });
    expect(await own(key)).toMatchObject({ tier: 'premium', rate_limit: null, expires_at: null });
  });

  it('tells the rest while D1 is away', async () => {
    const key = await createKey('own-down');
    await own(key);
    const down = { prepare: () => ({ bind: () => ({ first: () => Promise.reject(new Error('down')) }) }) };
    expect(await own(key, { DB: down })).toMatchObject({
      id: 'key_own-down',
      user_id: 'own-down',
      name: null,
      tier: null,
    });
  });

  it('tells what a token may do', async () => {
    const exp = Math.floor(Date.now() / 1000) + 600;
    expect(await own(await token(exp), JWT)).toEqual({
      ...{ object: 'key', id: 'jwt', name: null, user_id: 'ada', tier: null, permissions: [], rate_limit: null },
      expires_at: new Date(exp * 1000).toISOString(),
    });
  });

  it('tells the last time there is of a token that ends later', async () => {
    expect((await own(await token(Number.MAX_SAFE_INTEGER), JWT)).expires_at).toBe('+275760-09-13T00:00:00.000Z');
  });

  it('tells how the limits stand in its headers, and nothing to nobody', async () => {
    const { headers } = await call('/v1/key', { key: await createKey('own-limits', { rate_limit: 7 }) });
    expect(headers.get('x-ratelimit-limit-requests')).toBe('7');
    for (const key of ['sk-nobody', '']) expect((await call('/v1/key', { key })).status).toBe(401);
    expect((await call('/v1/key', { method: 'POST', env })).status).toBe(405);
  });
});
