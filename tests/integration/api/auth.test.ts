import { beforeAll, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { mintKey } from '../../../api-worker/auth/api-key.ts';
import { find } from '../../../api-worker/auth/findings.ts';
import { restOfMinute } from '../../support/minute.ts';
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

  it('refuses an expired key, also one that is cached', async () => {
    const short = await createKey('short', { expires_at: Date.now() + 60_000 });
    expect((await call('/v1/models', { key: short })).status).toBe(200);
    vi.setSystemTime(Date.now() + 60_001);
    try {
      const answer = await call('/v1/models', { key: short });
      expect(answer.status).toBe(401);
      expect(errorOf(answer).code).toBe('invalid_api_key');
    } finally {
      vi.useRealTimers();
    }
  });

  it('refuses every key of an inactive account', async () => {
    const key = await createKey('leaver');
    await env.DB.prepare("UPDATE users SET is_active = 0 WHERE id = 'leaver'").run();
    expect((await call('/v1/models', { key })).status).toBe(401);
  });

  it('tells a mistyped key without looking it up', async () => {
    const { env, asked } = counted();
    const key = mintKey();
    const answer = await call('/v1/models', { key: `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`, env });
    expect(answer.status).toBe(401);
    expect(errorOf(answer).message).toContain('mistyped');
    expect(asked()).toBe(0);
    expect((await call('/v1/models', { key, env })).status).toBe(401);
    expect(asked()).toBe(1);
  });

  it('asks D1 once for a key, known or not, and then memory', async () => {
    for (const key of ['sk-test-alice-once', await createKey('bob')]) {
      const { env, asked } = counted();
      for (let n = 0; n < 5; n += 1) await call('/v1/models', { key, env });
      expect(asked()).toBe(1);
    }
  });

  it('believes KV what another isolate found, for no longer than a minute, and keeps guesses out of KV', async () => {
    const now = Date.now();
    const reads: string[] = [];
    const search = (name: string, time: number) =>
      find(env, {
        name,
        schema: z.string(),
        read: async () => {
          reads.push(name);
          return null;
        },
        keepAlive: () => undefined,
        now: time,
      });
    await env.CACHE.put('of-another-isolate', JSON.stringify({ value: 'known', freshUntil: now + 60_000 }));
    expect(await search('of-another-isolate', now)).toBe('known');
    expect(reads).toEqual([]);
    expect(await search('of-another-isolate', now + 60_001)).toBeNull();
    expect(reads).toEqual(['of-another-isolate']);
    await search('a guess', now);
    expect(await env.CACHE.get('a guess')).toBeNull();
  });

  it('asks D1 when KV does not answer', async () => {
    const CACHE = { get: () => new Promise(() => {}), put: async () => undefined } as unknown as KVNamespace;
    const startedAt = Date.now();
    const { status } = await call('/usage', { key: await createKey('kv-hangs'), env: { ...env, CACHE } });
    expect(status).toBe(200);
    expect(Date.now() - startedAt).toBeLessThan(3_000);
  });

  it('stops an address that tries key after key before D1 hears of them, and no other', async () => {
    const { env, asked } = counted();
    const guess = (n: number, address: string) =>
      call('/v1/models', { key: `sk-guess-${address}-${n}`, headers: { 'cf-connecting-ip': address }, env });
    await restOfMinute(5_000);
    expect((await guess(400, '203.0.113.9')).status).toBe(401);
    const answers = await Promise.all(Array.from({ length: 400 }, (_, n) => guess(n, '203.0.113.9')));
    const stopped = answers.filter(({ status }) => status === 429);
    expect(stopped).toHaveLength(100);
    expect(asked()).toBe(301);
    expect(stopped[0]?.headers.get('retry-after')).toBe('60');
    expect((await guess(1, '203.0.113.10')).status).toBe(401);
    const known = await call('/v1/models', { key, headers: { 'cf-connecting-ip': '203.0.113.9' }, env });
    expect(known.status, 'a key that this isolate knows').toBe(200);
  });

  it('does not take a burst with one good key that no cache has yet for guessing', async () => {
    const cold = await createKey('cold');
    const headers = { 'cf-connecting-ip': '203.0.113.20' };
    const answers = await Promise.all(Array.from({ length: 400 }, () => call('/v1/models', { key: cold, headers })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(400);
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
