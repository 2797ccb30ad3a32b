import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Env } from '../../../api-worker/env.ts';
import { sha256Hex } from '../../../shared/ids.ts';
import type { UsageEvent } from '../../../shared/usage-event.ts';
import { applySchema, createKey, env, errorOf, HELLO, post } from './support.ts';

const events: UsageEvent[] = [];
const USAGE_QUEUE = { send: async (event: UsageEvent) => void events.push(event) } as unknown as Queue;
const usageOf = (headers: Headers) => events.find(({ request_id }) => request_id === headers.get('x-request-id'));

let n = 0;
const newIdempotencyKey = () => `idempotency-${++n}`;
let key: string;
beforeAll(async () => {
  await applySchema();
  key = await createKey('repeater');
});

const ask = (name: string, body: unknown = HELLO, changed: Partial<Env> = {}, as = key) =>
  post('/v1/chat/completions', as, body, { 'idempotency-key': name }, { USAGE_QUEUE, ...changed });
const replayed = ({ headers }: { headers: Headers }) => headers.get('idempotent-replayed');

describe('a request that is repeated under its idempotency key', () => {
  it.each([false, true])('gets the first one’s answer, which is billed once (streamed: %s)', async (stream) => {
    const name = newIdempotencyKey();
    const request = { ...HELLO, stream };
    const first = await ask(name, request);
    const again = await ask(name, request);
    expect([first.status, replayed(first), again.status, replayed(again)]).toEqual([200, null, 200, 'true']);
    expect(again.text).toBe(first.text);
    expect(again.headers.get('content-type')).toBe(first.headers.get('content-type'));
    expect(again.headers.get('x-gateway-model')).toBe(HELLO.model);
    expect(usageOf(first.headers)).toMatchObject({ usage_source: 'provider', attempts: 1 });
    expect(usageOf(first.headers)?.cost_nano_usd).toBeGreaterThan(0);
    expect(usageOf(again.headers)).toMatchObject({ usage_source: 'cache', attempts: 0, cost_nano_usd: 0, status: 200 });
  });

  it.each([false, true])('while the first is still running gets what it gets (streamed: %s)', async (stream) => {
    const name = newIdempotencyKey();
    const request = { ...HELLO, stream, sim: { ttft_ms: 200, gap_ms: 20 } };
    const answers = await Promise.all([1, 2, 3, 4].map(() => ask(name, request)));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.map(replayed).sort()).toEqual(['true', 'true', 'true', null].sort());
    const paid = answers.filter(({ headers }) => (usageOf(headers)?.cost_nano_usd ?? 0) > 0);
    expect(paid).toHaveLength(1);
  });

  it('is refused where it is another request, which no waiting helps', async () => {
    const name = newIdempotencyKey();
    await ask(name);
    const other = await ask(name, { ...HELLO, max_tokens: 7 });
    expect([other.status, errorOf(other).code, other.headers.get('x-should-retry')]).toEqual([
      409,
      'idempotency_key_reused',
      'false',
    ]);
    const elsewhere = await post('/v1/completions', key, HELLO, { 'idempotency-key': name });
    expect(elsewhere.status).toBe(400);
    const same = { model: HELLO.model, prompt: 'x', input: 'x' };
    const second = newIdempotencyKey();
    await post('/v1/completions', key, same, { 'idempotency-key': second });
    expect((await post('/v1/responses', key, same, { 'idempotency-key': second })).status).toBe(409);
  });

  it('is another’s where its account is', async () => {
    const name = newIdempotencyKey();
    await ask(name);
    const other = await ask(name, { ...HELLO, max_tokens: 7 }, {}, await createKey('other-repeater'));
    expect([other.status, replayed(other)]).toEqual([200, null]);
  });

  it('is made anew where the first had no good answer', async () => {
    const failed = newIdempotencyKey();
    const down = { UPSTREAM_BASE_URL: 'http://127.0.0.1:9', UPSTREAM_RETRIES: '0', FALLBACK_MODELS: '' };
    expect((await ask(failed, { ...HELLO, model: 'openai/gpt-4o-mini' }, down)).status).toBe(503);
    const again = await ask(failed, { ...HELLO, model: 'openai/gpt-4o-mini' });
    expect([again.status, replayed(again)]).toEqual([200, null]);

    const broken = newIdempotencyKey();
    const request = { ...HELLO, model: 'sim/error-mid-stream/idempotent', stream: true };
    await ask(broken, request);
    expect(replayed(await ask(broken, request))).toBeNull();
    const refused = newIdempotencyKey();
    const none = await createKey('none', { limits: { requests_per_minute: 0 } });
    expect((await ask(refused, HELLO, {}, none)).status).toBe(429);
    expect((await ask(refused, HELLO, {}, none)).status).toBe(429);
  });

  it('is counted by the account’s rate all the same', async () => {
    const name = newIdempotencyKey();
    const slow = await createKey('slow-repeater', { limits: { requests_per_minute: 2 } });
    const statuses = [];
    for (const _ of [1, 2, 3]) statuses.push((await ask(name, HELLO, {}, slow)).status);
    expect(statuses).toEqual([200, 200, 429]);
  });

  it('is made anew after a day', async () => {
    const name = newIdempotencyKey();
    await ask(name);
    expect(replayed(await ask(name))).toBe('true');
    const object = env.IDEMPOTENT_ANSWERS.getByName(await sha256Hex(JSON.stringify(['repeater', name])));
    expect(await runDurableObjectAlarm(object)).toBe(true);
    expect(replayed(await ask(name, { ...HELLO, max_tokens: 7 }))).toBeNull();
  });

  it.each(['', 'x'.repeat(256)])('is refused where the key is none: %j', async (name) => {
    const answer = await ask(name);
    expect([answer.status, errorOf(answer).param]).toEqual([400, 'idempotency-key']);
  });

  it('is not served without its key where that cannot be looked up', async () => {
    const gone = { getByName: () => ({ claim: () => Promise.reject(new Error('object is gone')) }) };
    const answer = await ask(newIdempotencyKey(), HELLO, { IDEMPOTENT_ANSWERS: gone } as unknown as Partial<Env>);
    expect([answer.status, errorOf(answer).code]).toEqual([503, 'service_unavailable']);
  });
});

describe('the object of an idempotency key', () => {
  const HEAD = { contentType: 'text/event-stream', model: null };
  const objectOf = () => env.IDEMPOTENT_ANSWERS.getByName(newIdempotencyKey());
  const bodyOf = (...parts: string[]) => {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    const written = (async () => {
      for (const part of parts) await writer.write(new TextEncoder().encode(part));
    })();
    return {
      readable,
      end: () => written.then(() => writer.close()),
      cut: () => written.then(() => writer.abort('cut')),
    };
  };

  it('has one first request, also after it was restarted', async () => {
    const object = objectOf();
    expect(await object.claim('a', 'first')).toBe('first');
    await evictDurableObject(object);
    expect(await object.claim('a', 'second')).toBe('repeated');
    await object.renew('first');
    const body = bodyOf('x');
    const taking = object.take('first', HEAD, body.readable);
    await body.end();
    expect(await taking).toBe(true);
    await object.keep('first');
    const replay = await object.replay();
    expect(await new Response(replay?.body).text()).toBe('x');
  });

  it('hands nothing out that has ended and was not found good', async () => {
    const object = objectOf();
    await object.claim('a', 'first');
    const body = bodyOf('half an answer');
    const taking = object.take('first', HEAD, body.readable);
    await body.end();
    await taking;
    const waiting = object.replay();
    await object.release('first');
    expect(await waiting).toBeNull();
    expect(await object.claim('a', 'second')).toBe('first');
  });

  it('does not pass an answer for whole that is longer than it keeps', async () => {
    const object = objectOf();
    await object.claim('a', 'first');
    const body = bodyOf(...Array<string>(9).fill('x'.repeat(1024 * 1024)));
    const following = object.replay();
    const taking = object.take('first', HEAD, body.readable);
    void body.end().catch(() => undefined);
    expect(await taking).toBe(false);
    await expect(new Response((await following)?.body).text()).rejects.toThrow();
  });

  it('keeps answers of several rows as they were', async () => {
    const object = objectOf();
    await object.claim('a', 'first');
    const text = Array.from({ length: 300_000 }, (_, k) => k).join(' ');
    const body = bodyOf(...(text.match(/.{1,70000}/g) ?? []));
    const taking = object.take('first', HEAD, body.readable);
    await body.end();
    expect(await taking).toBe(true);
    await object.keep('first');
    await evictDurableObject(object);
    for (const _ of [1, 2]) expect((await new Response((await object.replay())?.body).text()) === text).toBe(true);
  });
});
