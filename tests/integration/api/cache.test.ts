import { beforeAll, describe, expect, it } from 'vitest';
import type { Env } from '../../../api-worker/env.ts';
import type { UsageEvent } from '../../../shared/usage-event.ts';
import { applySchema, call, createKey, env, errorOf, HELLO, post } from './support.ts';

const events: UsageEvent[] = [];
const USAGE_QUEUE = { send: async (event: UsageEvent) => void events.push(event) } as unknown as Queue;
const usageOf = (headers: Headers) => events.find(({ request_id }) => request_id === headers.get('x-request-id'));

let n = 0;
/** A key of an account that nobody else uses. */
const newKey = () => createKey(`cached-${++n}`);
/** A request that is like no other. */
const newRequest = (fields: object = {}) => ({ ...HELLO, temperature: 0, sim: { seed: ++n }, ...fields });

function ask(key: string, body: unknown, headers: Record<string, string> = {}, changed: Partial<Env> = {}) {
  return post('/v1/chat/completions', key, body, headers, { USAGE_QUEUE, ...changed });
}
const seen = ({ headers }: { headers: Headers }) => headers.get('x-cache');

let key: string;
beforeAll(async () => {
  await applySchema();
  key = await newKey();
});

describe('an answer to a deterministic request is given again', () => {
  it.each([
    ['whole', {}],
    ['as the stream that it was', { stream: true }],
    ['by its seed', { temperature: 1, seed: 7 }],
  ])('%s', async (_, fields) => {
    const request = newRequest(fields);
    const first = await ask(key, request);
    const again = await ask(key, request);
    expect([seen(first), seen(again)]).toEqual(['MISS', 'HIT']);
    expect(again.text).toBe(first.text);
    for (const name of ['content-type', 'x-gateway-model', 'cache-control']) {
      expect(again.headers.get(name), name).toBe(first.headers.get(name));
    }
    expect(again.headers.get('x-gateway-attempts')).toBe('0');
    expect(again.headers.get('age')).toMatch(/^\d+$/);
    expect(again.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'));
  });

  it('at cost 0, which the ledger says comes from the cache', async () => {
    const request = newRequest();
    const first = await ask(key, request);
    const again = await ask(key, request);
    expect(usageOf(first.headers)).toMatchObject({ usage_source: 'provider', attempts: 1 });
    expect(usageOf(again.headers)).toMatchObject({
      usage_source: 'cache',
      status: 200,
      attempts: 0,
      cost_nano_usd: 0,
      input_tokens: 0,
      output_tokens: 0,
      finish_reason: 'stop',
      model: HELLO.model,
    });
  });

  it('whatever order its fields and labels have', async () => {
    const request = newRequest({ user: 'ada' });
    await ask(key, request);
    const { sim, messages, ...rest } = { ...request, user: 'eve', metadata: { x: 'y' } };
    expect(seen(await ask(key, { messages, sim, ...rest }))).toBe('HIT');
  });

  it.each(['/v1/completions', '/v1/responses'])('by %s too', async (path) => {
    const request = newRequest({ messages: undefined, prompt: 'Hello', input: 'Hello' });
    const first = await post(path, key, request, {}, { USAGE_QUEUE });
    const again = await post(path, key, request, {}, { USAGE_QUEUE });
    expect([first.status, seen(first), seen(again)]).toEqual([200, 'MISS', 'HIT']);
    expect(again.text).toBe(first.text);
  });

  it('of embeddings where the request asks for it', async () => {
    const request = { model: 'openai/text-embedding-3-small', input: `vector ${++n}` };
    const embed = (headers = {}) => post('/v1/embeddings', key, request, headers, { USAGE_QUEUE });
    expect([seen(await embed()), seen(await embed())]).toEqual(['BYPASS', 'BYPASS']);
    const asks = { 'x-gateway-cache': 'true' };
    expect([seen(await embed(asks)), seen(await embed(asks))]).toEqual(['MISS', 'HIT']);
  });
});

describe('an answer is not given', () => {
  it('to another account, nor after the account emptied its cache', async () => {
    const request = newRequest();
    const [ada, eve] = [await newKey(), await newKey()];
    await ask(ada, request);
    expect(seen(await ask(eve, request))).toBe('MISS');
    expect(seen(await ask(ada, request))).toBe('HIT');
    const emptied = await call('/v1/cache', { method: 'DELETE', key: ada });
    expect([emptied.status, JSON.parse(emptied.text)]).toEqual([200, { object: 'cache.emptied', generation: 1 }]);
    expect(seen(await ask(ada, request))).toBe('MISS');
    expect(seen(await ask(eve, request))).toBe('HIT');
    expect(seen(await ask(ada, request))).toBe('HIT');
  });

  it.each([
    [{ model: 'openai/gpt-4o-mini' }],
    [{ messages: [{ role: 'user', content: 'Hello!' }] }],
    [{ stream: true }],
    [{ max_tokens: 5 }],
    [{ seed: 12 }],
    [{ top_p: 0.5 }],
    [{ tools: [{ type: 'function', function: { name: 'x' } }] }],
    [{ response_format: { type: 'json_object' } }],
    [{ provider: { order: ['a'] } }],
    [{ a_field_that_nobody_knows: 1 }],
    [{ models: ['openai/gpt-4o-mini'] }],
  ])('to a request that differs in %j', async (change) => {
    const request = newRequest();
    await ask(key, request);
    expect(seen(await ask(key, { ...request, ...change }))).toBe('MISS');
  });

  it('to a request whose numbers differ only in digits that a double does not hold', async () => {
    const body = JSON.stringify(newRequest()).slice(0, -1);
    await ask(key, `${body},"seed":12345678901234567890}`);
    expect(seen(await ask(key, `${body},"seed":12345678901234567891}`))).toBe('MISS');
    expect(seen(await ask(key, `${body},"seed":12345678901234567890}`))).toBe('HIT');
  });

  it('where others may answer than before', async () => {
    const request = newRequest({ model: 'standard' });
    await ask(key, request);
    expect(seen(await ask(key, request, { 'x-gateway-fallback': 'false' }))).toBe('MISS');
    expect(seen(await ask(key, request, {}, { TIER_STANDARD: 'openai/gpt-4o-mini' }))).toBe('MISS');
    expect(seen(await ask(key, request))).toBe('HIT');
  });

  it('where the request says no-cache, which renews it, or no-store, which leaves it alone', async () => {
    const request = newRequest();
    const other = { ...request, sim: { ...request.sim, text_seed: n } };
    expect(seen(await ask(key, request, { 'cache-control': 'no-store' }))).toBe('BYPASS');
    expect(seen(await ask(key, request, { 'cache-control': 'max-age=0, No-Cache' }))).toBe('BYPASS');
    expect(seen(await ask(key, request, { 'cache-control': 'no-store' }))).toBe('BYPASS');
    expect(seen(await ask(key, request))).toBe('HIT');
    expect(seen(await ask(key, other, { 'cache-control': 'no-store' }))).toBe('BYPASS');
    expect(seen(await ask(key, other))).toBe('MISS');
  });

  it.each([
    ['it is not deterministic', { temperature: 0.1 }, {}],
    ['it asks for several choices', { n: 2 }, { 'x-gateway-cache': 'true' }],
    ['it does not want to', {}, { 'x-gateway-cache': 'false' }],
    ['it is private', {}, { 'x-privacy-mode': 'true' }],
    ['the gateway runs tools for it', { tools: [{ type: 'gateway:calculator' }] }, { 'x-gateway-cache': 'true' }],
  ])('where %s', async (_, fields, headers) => {
    const request = newRequest(fields);
    expect(seen(await ask(key, request, headers))).toBe('BYPASS');
    expect(seen(await ask(key, request, headers))).toBe('BYPASS');
  });

  it('while the cache is turned off', async () => {
    const request = newRequest();
    expect(seen(await ask(key, request, {}, { CACHE_TTL_SECONDS: '0' }))).toBe('BYPASS');
  });
});

describe('what is not kept', () => {
  it.each([
    ['an error', { model: 'sim/status-403' }, 403],
    ['an answer that was cut short', { max_tokens: 3 }, 200],
    ['a stream that broke', { model: 'sim/error-mid-stream', stream: true }, 200],
    ['a stream that died', { model: 'sim/die-mid-stream', stream: true }, 200],
    ['an answer of which nobody knows the usage', { model: 'sim/no-usage' }, 200],
    [
      'calls of the client’s tools',
      { model: 'sim/tools', tools: [{ type: 'function', function: { name: 'x' } }] },
      200,
    ],
  ])('is %s', async (_, fields, status) => {
    const request = newRequest(fields);
    for (const _ of [1, 2]) {
      const answer = await ask(key, request);
      expect(answer.status).toBe(status);
      expect(seen(answer)).not.toBe('HIT');
    }
  });
});

describe('what is not kept either', () => {
  it('is the answer of a stand-in, which is asked for no longer than it must', async () => {
    const request = newRequest({ model: 'sim/status-503/cached' });
    const settings = { UPSTREAM_RETRIES: '0', FALLBACK_MODELS: 'openai/gpt-4o-mini' };
    for (const _ of [1, 2]) {
      const answer = await ask(key, request, {}, settings);
      expect([answer.status, answer.headers.get('x-gateway-model'), seen(answer)]).toEqual([
        200,
        'openai/gpt-4o-mini',
        'MISS',
      ]);
    }
  });

  it('is anything while KV does not answer', async () => {
    const hung = {
      get: env.CACHE.get.bind(env.CACHE),
      put: async () => undefined,
      getWithMetadata: () => new Promise(() => undefined),
    };
    const answer = await ask(key, newRequest(), {}, { CACHE: hung as unknown as KVNamespace });
    expect([answer.status, seen(answer)]).toEqual([200, 'MISS']);
  });
});

describe('an answer that is too old', () => {
  const hourLater = async (changed: Partial<Env>, request: unknown) => {
    // What was stored a moment ago was stored long ago to whoever looks: only its time is changed.
    const { keys } = await env.CACHE.list<{ storedAt: number }>({ prefix: 'answer:' });
    for (const { name, metadata } of keys) {
      const body = await env.CACHE.get(name);
      if (body && metadata) await env.CACHE.put(name, body, { metadata: { ...metadata, storedAt: 0 } });
    }
    return ask(key, request, {}, changed);
  };

  it('is not given, but replaced', async () => {
    const request = newRequest();
    await ask(key, request);
    expect(seen(await hourLater({}, request))).toBe('MISS');
    expect(seen(await ask(key, request))).toBe('HIT');
  });

  it('is given where nobody else answers, rather than an error', async () => {
    const request = newRequest();
    const first = await ask(key, request);
    const down = { UPSTREAM_BASE_URL: 'http://127.0.0.1:9', UPSTREAM_RETRIES: '0', FALLBACK_MODELS: '' };
    const stale = await hourLater(down, request);
    expect([stale.status, seen(stale), stale.text]).toEqual([200, 'HIT', first.text]);
    expect(usageOf(stale.headers)).toMatchObject({ usage_source: 'cache', status: 200, attempts: 1 });
    const never = await ask(key, newRequest(), {}, down);
    expect([never.status, errorOf(never).code]).toEqual([503, 'service_unavailable']);
  });
});
