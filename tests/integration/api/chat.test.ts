import { runInDurableObject } from 'cloudflare:test';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../../api-worker/env.ts';
import { applySchema, chat, createKey, env, HELLO, lastBody } from './support.ts';

let key: string;
beforeAll(async () => {
  await applySchema();
  key = await createKey('carol');
});

const rows = async (requestId: string | null) =>
  (await env.DB.prepare('SELECT * FROM usage_logs WHERE request_id = ?1').bind(requestId).all()).results;

describe('POST /v1/chat/completions', () => {
  it('sends the body on as it came, unknown fields and odd spacing included', async () => {
    const body =
      ' {"messages" : [{"role":"user","content":"é","x":1.0}],\n"model":"openai/gpt-5-mini","seed":12345678901234567890,"provider":{"order":["a"]}}';
    expect((await chat(key, body)).status).toBe(200);
    expect(await lastBody()).toBe(body);
  });

  it('mends roles that a client has joined, and no text that looks like them', async () => {
    const body = (role: string) =>
      `{"model":"openai/gpt-5-mini","messages":[{"role":"user","content":"\\"role\\":\\"assistantassistant\\""},{"role": "${role}","content":"x"}]}`;
    expect((await chat(key, body('assistantassistantassistant'))).status).toBe(200);
    expect(await lastBody()).toBe(body('assistant'));
  });

  it('names the default model where none is named, and touches nothing else', async () => {
    const answer = await chat(key, '{"messages":[{"role":"user","content":"x"}]}', {
      DEFAULT_MODEL: 'openai/gpt-4o-mini',
    });
    expect(answer.headers.get('x-gateway-model')).toBe('openai/gpt-4o-mini');
    expect(await lastBody()).toBe('{"model":"openai/gpt-4o-mini","messages":[{"role":"user","content":"x"}]}');
  });

  it.each([
    [{}, { max_tokens: 7 }],
    [{ max_tokens: null }, { max_tokens: 7 }],
    [{ max_tokens: 3 }, { max_tokens: 3 }],
    [{ max_completion_tokens: 3 }, { max_completion_tokens: 3 }],
  ])('bounds the length by MAX_TOKENS_DEFAULT only where the client sets none: %j', async (asked, sent) => {
    await chat(key, { ...HELLO, ...asked }, { MAX_TOKENS_DEFAULT: '7' });
    expect(JSON.parse(await lastBody())).toEqual({ ...HELLO, ...sent });
  });

  it('says what happened in its headers', async () => {
    const { headers } = await chat(key, { ...HELLO, stream: true });
    expect(headers.get('content-type')).toBe('text/event-stream');
    expect(headers.get('x-gateway-model')).toBe(HELLO.model);
    expect(headers.get('x-gateway-attempts')).toBe('1');
    expect(headers.get('openai-processing-ms')).toMatch(/^\d+$/);
    expect(headers.get('server-timing')).toMatch(/^gateway;dur=\d+, upstream;dur=\d+$/);
    expect(headers.get('x-ratelimit-limit-requests')).toBe('600');
  });

  it('asks a queue that refuses once again, and hands it content and keys in no case', async () => {
    const sent: unknown[] = [];
    const send = vi.fn(async (event: unknown) => {
      if (send.mock.calls.length === 1) throw new Error('try again');
      sent.push(event);
    });
    const queue = { send } as unknown as Queue;
    const secret = { ...HELLO, messages: [{ role: 'user', content: 'my secret' }] };
    const lines: string[] = [];
    const log = vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
    const answer = await chat(key, secret, { USAGE_QUEUE: queue, ANALYTICS_QUEUE: queue } as Partial<Env>);
    log.mockRestore();
    const id = answer.headers.get('x-request-id');
    expect(sent).toHaveLength(2);
    expect(sent).toMatchObject([{ request_id: id }, { request_id: id }]);
    expect(await rows(id), 'nothing went past the queue').toEqual([]);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ event: 'request', request_id: id, status: 200 }]);
    const written = JSON.stringify([sent, lines]);
    const { content } = JSON.parse(answer.text).choices[0].message;
    for (const private_ of ['my secret', content, key, 'sk-or']) expect(written).not.toContain(private_);
  });

  it('goes straight to D1 when the queue refuses, and counts once if both come', async () => {
    const refused = { send: () => Promise.reject(new Error('queue is full')) } as unknown as Queue;
    const answer = await chat(key, { ...HELLO, stream: true }, {
      USAGE_QUEUE: refused,
      ANALYTICS_QUEUE: refused,
    } as Partial<Env>);
    expect(answer.status).toBe(200);
    const id = answer.headers.get('x-request-id');
    expect(await rows(id)).toMatchObject([{ user_id: 'carol', status: 200, usage_source: 'provider' }]);
    const total = await env.DB.prepare('SELECT sum(requests) AS requests FROM usage_rollups_daily').first();
    expect(total).toEqual({ requests: 1 });
  });

  it('goes to D1 past a queue that neither takes nor refuses, and is settled only then', {
    timeout: 30_000,
  }, async () => {
    const hanging = { send: () => new Promise(() => undefined) } as unknown as Queue;
    const answer = await chat(key, HELLO, { USAGE_QUEUE: hanging, ANALYTICS_QUEUE: hanging } as Partial<Env>);
    expect(await rows(answer.headers.get('x-request-id'))).toMatchObject([{ status: 200, usage_source: 'provider' }]);
  });

  it('answers although neither queues nor database take anything, which the account’s object then keeps', async () => {
    const refused = { send: () => Promise.reject(new Error('queue is full')) } as unknown as Queue;
    const DB = new Proxy(env.DB, {
      get(db, name) {
        if (name === 'batch') return () => Promise.reject(new Error('D1_ERROR: disk full'));
        const member = Reflect.get(db, name);
        return typeof member === 'function' ? member.bind(db) : member;
      },
    });
    const answer = await chat(key, HELLO, { USAGE_QUEUE: refused, ANALYTICS_QUEUE: refused, DB } as Partial<Env>);
    expect(answer.status).toBe(200);
    const id = answer.headers.get('x-request-id');
    const kept = await runInDurableObject(env.ACCOUNT_LIMITER.getByName('carol'), (_, { storage }) =>
      storage.sql.exec('SELECT queue FROM outbox WHERE request_id = ? ORDER BY queue', id).toArray(),
    );
    expect(kept).toEqual([{ queue: 'analytics' }, { queue: 'usage' }]);
  });
});
