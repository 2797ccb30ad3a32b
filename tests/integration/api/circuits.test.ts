import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../../api-worker/env.ts';
import { applySchema, chat, createKey, env, errorOf, HELLO, upstreamCalls } from './support.ts';

const OTHER = 'openai/gpt-4o-mini';

let key: string;
beforeAll(async () => {
  await applySchema();
  key = await createKey('breaker');
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
});

const callsOf = async (model: string) =>
  (await upstreamCalls()).filter(({ requested_model }) => requested_model === model).length;
const openElsewhere = (model: string, forMs: number) =>
  env.CACHE.put(`circuit:${model}`, JSON.stringify({ openUntil: Date.now() + forMs }), { expirationTtl: 60 });

describe('the circuit of a model', () => {
  let puts: string[];
  let vars: Partial<Env>;
  beforeEach(() => {
    puts = [];
    const CACHE = new Proxy(env.CACHE, {
      get(kv, name) {
        if (name === 'put') {
          return (key: string, ...rest: [string]) => {
            puts.push(key);
            return kv.put(key, ...rest);
          };
        }
        const member = Reflect.get(kv, name);
        return typeof member === 'function' ? member.bind(kv) : member;
      },
    });
    vars = { CACHE, FALLBACK_MODELS: OTHER, UPSTREAM_RETRIES: '0' };
  });

  it('opens when calls keep failing: others answer without it, and KV is written once', async () => {
    const model = 'sim/status-500/opens';
    for (let n = 0; n < 16; n += 1) {
      const { status, headers } = await chat(key, { ...HELLO, model }, vars);
      expect(status).toBe(200);
      expect(headers.get('x-gateway-attempts')).toBe(n < 10 ? '2' : '1');
    }
    expect(await callsOf(model)).toBe(10);
    expect(puts.filter((name) => name.startsWith('circuit:'))).toEqual([`circuit:${model}`]);
    const shared = await env.CACHE.get<{ openUntil: number }>(`circuit:${model}`, 'json');
    expect(shared?.openUntil).toBeGreaterThan(Date.now());
  });

  it('stays closed over what the requests themselves do wrong', async () => {
    const model = 'sim/status-400/closed';
    for (let n = 0; n < 12; n += 1) expect((await chat(key, { ...HELLO, model }, vars)).status).toBe(400);
    expect(await callsOf(model)).toBe(12);
    expect(puts.filter((name) => name.startsWith('circuit:'))).toEqual([]);
  });

  it('says nothing of a model where the client chose who serves it', async () => {
    const model = 'sim/status-503/chosen';
    for (let n = 0; n < 12; n += 1) await chat(key, { ...HELLO, model, provider: { only: ['a'] } }, vars);
    expect(await callsOf(model)).toBe(12);
  });

  it('that opened elsewhere is known to an isolate that never called the model', async () => {
    const model = 'sim/any/elsewhere';
    await openElsewhere(model, 20_000);
    const { headers } = await chat(key, { ...HELLO, model }, vars);
    expect(headers.get('x-gateway-model')).toBe(OTHER);
    expect(await callsOf(model)).toBe(0);
  });

  it('leaves a clear 503 with retry-after when no other model lives', async () => {
    const models = ['sim/any/alone', 'sim/any/alone-too'];
    for (const model of models) await openElsewhere(model, 20_000);
    const answer = await chat(key, { messages: HELLO.messages, models }, vars);
    expect(answer.status).toBe(503);
    expect(errorOf(answer).message).toBe("The model 'sim/any/alone' is overloaded. Please try again.");
    const wait = Number(answer.headers.get('retry-after-ms'));
    expect(wait).toBeGreaterThan(15_000);
    expect(wait).toBeLessThanOrEqual(20_000);
    expect(await callsOf('sim/any/alone')).toBe(0);
  });

  it('is taken for closed when KV does not answer', async () => {
    const CACHE = new Proxy(env.CACHE, {
      get(kv, name) {
        if (name === 'get')
          return (key: string) => (key.startsWith('circuit:') ? new Promise(() => {}) : kv.get(key, 'json'));
        const member = Reflect.get(kv, name);
        return typeof member === 'function' ? member.bind(kv) : member;
      },
    });
    const startedAt = Date.now();
    const { status } = await chat(key, { ...HELLO, model: 'sim/any/kv-hangs' }, { CACHE });
    expect(status).toBe(200);
    expect(Date.now() - startedAt).toBeLessThan(2_000);
  });
});
