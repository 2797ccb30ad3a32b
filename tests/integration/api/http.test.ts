import { beforeAll, describe, expect, it, vi } from 'vitest';
import { MAX_BODY_BYTES } from '../../../api-worker/http/json-body.ts';
import { applySchema, call, chat, createKey, errorOf, HELLO, post } from './support.ts';

let key: string;
beforeAll(async () => {
  await applySchema();
  key = await createKey('http');
});

const JSON_TYPE = { 'content-type': 'application/json' };

describe('every answer', () => {
  it.each(['/health', '/v1/models', '/nowhere'])('%s carries a request id and security headers', async (path) => {
    const { headers } = await call(path);
    expect(headers.get('x-request-id')).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('strict-transport-security')).toBeTruthy();
  });

  it('never takes over a request id of the client', async () => {
    const { headers } = await call('/health', { headers: { 'x-request-id': 'mine' } });
    expect(headers.get('x-request-id')).not.toBe('mine');
  });
});

describe('the log of a request', () => {
  const SECRET = 'patient John Doe';

  it.each([
    ['a value', { ...HELLO, messages: [{ role: SECRET, content: 'Hi' }] }, 'invalid_value: messages[0].role'],
    ['JSON that is none', `{"model": "${SECRET}`, 'invalid_json'],
    ["the upstream's refusal", { ...HELLO, model: `sim/status-400/${SECRET}` }, 'invalid_request_error'],
  ])('says why it failed and quotes nothing of it: %s', async (_, body, reason) => {
    const lines: string[] = [];
    for (const method of ['log', 'error'] as const) {
      vi.spyOn(console, method).mockImplementation((line: string) => void lines.push(line));
    }
    const answer = await post('/v1/chat/completions', key, body);
    vi.restoreAllMocks();
    expect(answer.status).toBeGreaterThanOrEqual(400);
    const request = lines.map((line) => JSON.parse(line)).find(({ event }) => event === 'request');
    expect(request.error).toBe(reason);
    expect(request.error).not.toContain('John');
  });
});

describe('a body that is nested too deep', () => {
  it.each(['[', '{"x":'])('of %s is refused, one that is not too deep is not', async (open) => {
    const body = (levels: number) => {
      const close = open === '[' ? ']' : '}';
      const inner = `${open.repeat(levels)}1${close.repeat(levels)}`;
      return `${JSON.stringify(HELLO).slice(0, -1)},"deep":${inner}}`;
    };
    expect((await chat(key, body(199))).status).toBe(200);
    for (const levels of [200, 100_000]) {
      const answer = await chat(key, body(levels));
      expect([answer.status, errorOf(answer).code]).toEqual([400, 'invalid_json']);
    }
  });
});

describe('CORS', () => {
  const preflight = (origin: string) =>
    call('/v1/chat/completions', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });

  it('permits the origins that are listed, preflight included', async () => {
    const { status, headers } = await preflight('https://chat.example');
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe('https://chat.example');
    expect(headers.get('access-control-allow-headers')).toContain('authorization');
    const answer = await call('/health', { headers: { origin: 'https://other.example' } });
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://other.example');
    expect(answer.headers.get('access-control-expose-headers')).toContain('x-request-id');
  });

  it.each(['https://evil.example', 'https://chat.example.evil', 'http://chat.example', 'null'])(
    'permits no other: %s',
    async (origin) => {
      expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull();
    },
  );

  it('lets a permitted page read errors too', async () => {
    const answer = await call('/v1/models', { headers: { origin: 'https://chat.example' } });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://chat.example');
  });
});

describe('bad input', () => {
  it('gets 404 for an unknown URL, in OpenAI words', async () => {
    const answer = await call('/v1/nothing', { method: 'POST' });
    expect(answer.status).toBe(404);
    expect(errorOf(answer)).toMatchObject({ message: 'Invalid URL (POST /v1/nothing)', type: 'invalid_request_error' });
  });

  it.each([
    ['GET', '/v1/chat/completions', 'POST'],
    ['POST', '/v1/models', 'GET'],
    ['DELETE', '/usage', 'GET'],
    ['POST', '/health', 'GET'],
  ])('gets 405 for %s %s, and is told what is allowed', async (method, path, allow) => {
    const answer = await call(path, { method, key });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe(allow);
    expect(errorOf(answer).code).toBe('method_not_allowed');
  });

  it('gets 415 for what is not said to be JSON', async () => {
    const answer = await call('/v1/chat/completions', {
      method: 'POST',
      key,
      body: 'a=b',
      headers: { 'content-type': 'text/plain' },
    });
    expect(answer.status).toBe(415);
  });

  it('gets 413 for too much, said or not', async () => {
    const body = 'x'.repeat(MAX_BODY_BYTES + 1);
    const answer = await call('/v1/chat/completions', { method: 'POST', key, body, headers: JSON_TYPE });
    expect(answer.status).toBe(413);
    expect(errorOf(answer).code).toBe('request_too_large');
  });

  it.each([
    ['', 'invalid_json', null],
    ['{"model":', 'invalid_json', null],
    ['null', 'invalid_type', null],
    ['[]', 'invalid_type', null],
    ['{}', 'missing_required_parameter', 'messages'],
    [{ ...HELLO, messages: [] }, 'empty_array', 'messages'],
    [
      { ...HELLO, messages: Array.from({ length: 1001 }, () => HELLO.messages[0]) },
      'array_above_max_length',
      'messages',
    ],
    [{ ...HELLO, messages: [{ role: 'robot', content: 'x' }] }, 'invalid_value', 'messages[0].role'],
    [{ ...HELLO, messages: [{ role: 'user' }] }, 'missing_required_parameter', 'messages[0].content'],
    [{ ...HELLO, messages: [{ role: 'user', content: 7 }] }, 'invalid_type', 'messages[0].content'],
    [
      { ...HELLO, messages: [{ role: 'user', content: [{ type: 'text' }] }] },
      'missing_required_parameter',
      'messages[0].content[0].text',
    ],
    [
      { ...HELLO, messages: [{ role: 'tool', content: 'x' }] },
      'missing_required_parameter',
      'messages[0].tool_call_id',
    ],
    [{ ...HELLO, temperature: 2.5 }, 'decimal_above_max_value', 'temperature'],
    [{ ...HELLO, max_tokens: 0 }, 'integer_below_min_value', 'max_tokens'],
    [{ ...HELLO, n: 129 }, 'integer_above_max_value', 'n'],
    [{ ...HELLO, stream: 'yes' }, 'invalid_type', 'stream'],
    [{ ...HELLO, tools: [{ type: 'function' }] }, 'missing_required_parameter', 'tools[0].function'],
    [{ ...HELLO, model: '' }, 'string_below_min_length', 'model'],
  ])('gets 400 and is told what and where: %j', async (body, code, param) => {
    const answer = await chat(key, body);
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatchObject({ type: 'invalid_request_error', code, param });
  });
});
