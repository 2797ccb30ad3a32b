import { beforeAll, describe, expect, it } from 'vitest';
import { findPrincipal } from '../../../api-worker/auth/key-lookup.ts';
import { sha256Hex } from '../../../shared/ids.ts';
import { applySchema, call, createKey, env, errorOf } from './support.ts';

let key: string;
beforeAll(async () => {
  await applySchema();
  key = await createKey('alice');
});

/** The bindings, with the number of times that D1 was asked. */
function counted() {
  let asked = 0;
  const DB = new Proxy(env.DB, {
    get(db, name) {
      if (name === 'prepare') asked += 1;
      const member = Reflect.get(db, name);
      return typeof member === 'function' ? member.bind(db) : member;
    },
  });
  return { env: { ...env, DB }, asked: () => asked };
}

describe('authentication', () => {
  it.each([
    ['no key', {}, null],
    ['a key that is none', { authorization: 'Bearer sk-nobody' }, 'invalid_api_key'],
    ['another scheme', { authorization: 'Basic YTpi' }, 'invalid_api_key'],
    ['no scheme', { authorization: 'sk-test-alice' }, 'invalid_api_key'],
    ['what is no key at all', { authorization: `Bearer sk-${'x'.repeat(5000)}` }, 'invalid_api_key'],
  ])('refuses %s with 401', async (_, headers, code) => {
    const answer = await call('/v1/models', { headers });
    expect(answer.status).toBe(401);
    expect(errorOf(answer)).toMatchObject({ type: 'invalid_request_error', code });
  });

  it('refuses an inactive key', async () => {
    const inactive = await createKey('retired', { is_active: 0 });
    expect((await call('/v1/models', { key: inactive })).status).toBe(401);
  });

  it('takes the scheme in any case', async () => {
    expect((await call('/v1/models', { headers: { authorization: `bearer ${key}` } })).status).toBe(200);
  });

  it('asks D1 once for a key, known or not, and then memory', async () => {
    for (const text of ['sk-test-alice-once', await createKey('bob')]) {
      const { env, asked } = counted();
      const hash = await sha256Hex(text);
      const writes: Promise<unknown>[] = [];
      for (let n = 0; n < 5; n += 1) await findPrincipal(env, hash, (write) => writes.push(write));
      await Promise.all(writes);
      expect(asked()).toBe(1);
    }
  });

  it('believes KV what another isolate found, for no longer than a minute', async () => {
    const { env, asked } = counted();
    const hash = await sha256Hex('sk-of-another-isolate');
    const principal = { keyId: 'k', userId: 'u', rateLimit: null };
    const now = Date.now();
    await env.CACHE.put(`key:${hash}`, JSON.stringify({ principal, freshUntil: now + 60_000 }));
    const keepAlive = () => undefined;
    expect(await findPrincipal(env, hash, keepAlive, now)).toEqual(principal);
    expect(asked()).toBe(0);
    expect(await findPrincipal(env, hash, keepAlive, now + 60_001)).toBeNull();
    expect(asked()).toBe(1);
  });

  it('answers 503, not 401, when keys cannot be looked up', async () => {
    const DB = {
      prepare: () => {
        throw new Error('D1_ERROR: overloaded');
      },
    } as unknown as D1Database;
    const answer = await call('/v1/models', { key: 'sk-never-seen', env: { DB } });
    expect(answer.status).toBe(503);
    expect(answer.text).not.toContain('D1');
  });
});
