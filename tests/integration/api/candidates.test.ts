import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { applySchema, call, chat, createKey, errorOf, HELLO, lastBody, upstreamCalls } from './support.ts';

const MINI = 'openai/gpt-5-mini';
const OTHER = 'openai/gpt-4o-mini';
const HAIKU = 'anthropic/claude-haiku-4.5';
/** Takes neither images, tools nor response_format. */
const PLAIN = 'meta-llama/llama-3.3-70b-instruct';
const RETIRED = 'openai/gpt-3';
/** Without retries, or the circuits of the models would open in the midst of this file. */
const ONCE = { UPSTREAM_RETRIES: '0' };
const TIERS = { ...ONCE, TIER_PREMIUM: `${RETIRED},${HAIKU}`, TIER_STANDARD: `${PLAIN},${MINI}`, TIER_BUDGET: OTHER };

let key: string;
beforeAll(async () => {
  await applySchema();
  key = await createKey('chooser');
});
afterEach(() => {
  vi.restoreAllMocks();
});

const lastRequest = async () => JSON.parse(await lastBody());
const calls = async () => (await upstreamCalls()).map(({ requested_model }) => requested_model);

describe('a tier', () => {
  it('is answered by its first model that the upstream lists', async () => {
    const { headers, status } = await chat(key, { ...HELLO, model: 'premium' }, TIERS);
    expect(status).toBe(200);
    expect(headers.get('x-gateway-model')).toBe(HAIKU);
    expect(await lastRequest()).toEqual({ ...HELLO, model: HAIKU });
  });

  it('falls to budget once it is exhausted, with its shorter answers', async () => {
    const faults = { sim: { faults: { [HAIKU]: 'status-500' } } };
    const asked = { ...HELLO, model: 'premium', max_tokens: 5_000, ...faults };
    const { headers } = await chat(key, asked, { ...TIERS, BUDGET_MAX_TOKENS: '300' });
    expect(headers.get('x-gateway-model')).toBe(OTHER);
    expect(headers.get('x-gateway-attempts')).toBe('2');
    expect(await lastRequest()).toEqual({ ...HELLO, model: OTHER, max_tokens: 300, ...faults });
  });

  it.each([
    ['the configuration', { FALL_BACK_TO_BUDGET: 'false' }, {}],
    ['the request', {}, { 'x-gateway-fallback': 'false' }],
  ])('does not where %s forbids it', async (_, vars, headers) => {
    const body = { ...HELLO, model: 'premium', sim: { faults: { [HAIKU]: 'status-500' } } };
    const answer = await call('/v1/chat/completions', {
      method: 'POST',
      key,
      env: { ...TIERS, ...vars },
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
  });

  it.each([
    ['tools', { tools: [{ type: 'function', function: { name: 'f', parameters: {} } }] }],
    ['a schema', { response_format: { type: 'json_schema', json_schema: { name: 'a', schema: {} } } }],
    [
      'an image',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x/y.png' } }] }] },
    ],
    ['more context than it has', { max_tokens: 200_000 }],
  ])('leaves out models that cannot take %s', async (_, needs) => {
    expect((await chat(key, { ...HELLO, model: 'standard' }, TIERS)).headers.get('x-gateway-model')).toBe(PLAIN);
    const { headers } = await chat(key, { ...HELLO, model: 'standard', ...needs }, TIERS);
    expect(headers.get('x-gateway-model')).toBe(MINI);
  });

  it('in HEDGED_TIERS is hedged, unless the request says otherwise', async () => {
    const vars = { ...TIERS, TIER_PREMIUM: `${HAIKU},${MINI}`, HEDGED_TIERS: 'premium', HEDGE_AFTER_MS: '50' };
    const body = { ...HELLO, model: 'premium', sim: { faults: { [HAIKU]: 'slow-start' } } };
    const ask = (headers: Record<string, string>) =>
      call('/v1/chat/completions', {
        method: 'POST',
        key,
        env: vars,
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
    expect((await ask({})).headers.get('x-gateway-model')).toBe(MINI);
    expect((await ask({ 'x-gateway-hedge': 'false' })).headers.get('x-gateway-model')).toBe(HAIKU);
  }, 20_000);

  it('of which no model can serve the request is a 400 that says so', async () => {
    const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }];
    const answer = await chat(key, { ...HELLO, model: 'budget', tools }, { ...TIERS, TIER_BUDGET: PLAIN });
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatchObject({ param: 'model', code: 'unsupported_value' });
  });

  it('may be an alias’s', async () => {
    const vars = { ...TIERS, MODEL_ALIASES: `smart=premium, quick=${OTHER}` };
    expect((await chat(key, { ...HELLO, model: 'smart' }, vars)).headers.get('x-gateway-model')).toBe(HAIKU);
    expect((await chat(key, { ...HELLO, model: 'quick' }, vars)).headers.get('x-gateway-model')).toBe(OTHER);
  });
});

describe('OpenRouter’s models', () => {
  it('are tried in order by us, one at a time, and never sent on', async () => {
    const faults = { sim: { faults: { [MINI]: 'status-400', [HAIKU]: 'status-404' } } };
    const { headers } = await chat(key, { messages: HELLO.messages, models: [MINI, HAIKU, OTHER], ...faults });
    expect(headers.get('x-gateway-model')).toBe(OTHER);
    expect(headers.get('x-gateway-attempts')).toBe('3');
    expect(await lastRequest()).toEqual({ model: OTHER, messages: HELLO.messages, ...faults });
  });

  it('take precedence over FALLBACK_MODELS', async () => {
    const body = { ...HELLO, models: [HAIKU], sim: { faults: { [MINI]: 'status-500', [HAIKU]: 'status-500' } } };
    expect((await chat(key, body, { ...ONCE, FALLBACK_MODELS: OTHER })).status).toBe(503);
  });
});

describe('a model that is named', () => {
  it('answers for itself what it refuses', async () => {
    const answer = await chat(key, { ...HELLO, sim: { faults: { [MINI]: 'status-400' } } }, { FALLBACK_MODELS: OTHER });
    expect(answer.status).toBe(400);
    expect(errorOf(answer).message).toBe('messages: the provider refused this input');
  });

  it('is followed only by fallbacks that can serve the request', async () => {
    const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }];
    const body = { ...HELLO, tools, tool_choice: 'auto', sim: { faults: { [MINI]: 'status-500' } } };
    const answer = await chat(key, body, { ...ONCE, FALLBACK_MODELS: `${RETIRED},${PLAIN},${HAIKU}` });
    expect(answer.headers.get('x-gateway-model')).toBe(HAIKU);
    expect(answer.headers.get('x-gateway-attempts')).toBe('2');
  });
});

describe('what is wrong with our own account at the upstream', () => {
  it.each([
    [401, 'upstream_refuses_our_key'],
    [402, 'upstream_credit_spent'],
  ])('%i is never retried, is alerted, and is shown without detail', async (status, alert) => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const before = (await calls()).length;
    const answer = await chat(key, { ...HELLO, models: [OTHER], sim: { fault: `status-${status}` } });
    expect(answer.status).toBe(503);
    expect(errorOf(answer)).toEqual({
      message: 'The service cannot reach its models at the moment. Please try again later.',
      type: 'server_error',
      param: null,
      code: 'service_unavailable',
    });
    expect((await calls()).slice(before)).toEqual([MINI]);
    const alerts = log.mock.calls.map(([line]) => JSON.parse(String(line))).filter(({ event }) => event === 'alert');
    expect(alerts).toEqual([
      { level: 'error', event: 'alert', alert, request_id: answer.headers.get('x-request-id'), model: MINI },
    ]);
  });
});

describe('the log', () => {
  it('tells of each request which models were tried, and why one was not enough', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const body = { ...HELLO, model: 'premium', sim: { faults: { [HAIKU]: 'error-first-event' } } };
    await chat(key, body, { ...TIERS, UPSTREAM_RETRIES: '1' });
    const lines = log.mock.calls.map(([line]) => JSON.parse(String(line)));
    expect(lines.find(({ event }) => event === 'request')).toMatchObject({
      gateway: {
        requested_model: 'premium',
        model: 'openai/gpt-4o-mini-2024-07-18',
        attempts: 3,
        failures: [`${HAIKU}: refused 502`, `${HAIKU}: refused 502`],
        skipped: [],
        unpriced_attempts: 0,
      },
    });
  });
});

describe('the gateway’s own headers', () => {
  it.each(['x-gateway-resume', 'x-gateway-hedge', 'x-gateway-fallback'])('%s is true or false', async (name) => {
    const ask = (value: string) =>
      call('/v1/chat/completions', {
        method: 'POST',
        key,
        headers: { 'content-type': 'application/json', [name]: value },
        body: JSON.stringify(HELLO),
      });
    expect((await ask('True')).status).toBe(200);
    const refused = await ask('yes');
    expect(refused.status).toBe(400);
    expect(errorOf(refused)).toMatchObject({ param: name, code: 'invalid_value' });
  });
});
