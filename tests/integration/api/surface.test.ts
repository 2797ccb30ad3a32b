import { beforeAll, describe, expect, it } from 'vitest';
import type { Env } from '../../../api-worker/env.ts';
import type { UsageEvent } from '../../../shared/usage-event.ts';
import { applySchema, createKey, errorOf, lastBody, post, upstreamCalls } from './support.ts';

/** POST /v1/completions, /v1/responses and /v1/embeddings: what is theirs alone. */
const events: UsageEvent[] = [];
const VARS = {
  USAGE_QUEUE: { send: async (event: UsageEvent) => void events.push(event) } as unknown as Queue,
};
const usageOf = (headers: Headers) => events.find(({ request_id }) => request_id === headers.get('x-request-id'));

let key: string;
beforeAll(async () => {
  await applySchema();
  key = await createKey('surface');
});
const ask = (path: string, body: object, changed: Partial<Env> = {}, as = key) =>
  post(path, as, { model: 'openai/gpt-4o-mini', ...body }, {}, { ...VARS, ...changed });

function eventsOf({ text }: { text: string }): Record<string, unknown>[] {
  const data = text.split('\n').filter((line) => line.startsWith('data: {'));
  return data.map((line) => JSON.parse(line.slice(6)));
}

describe('POST /v1/completions', () => {
  const complete = (body: object, changed: Partial<Env> = {}, as = key) => ask('/v1/completions', body, changed, as);
  type Choice = { index: number; text: string; finish_reason: string | null; logprobs: null };
  const choicesOf = ({ text }: { text: string }) => JSON.parse(text).choices as Choice[];

  it('is a chat completion in the legacy shape', async () => {
    const answer = await complete({ prompt: 'Hello', max_tokens: 5, stop: ['x'], temperature: 0.3, top_k: 4 });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({
      object: 'text_completion',
      model: 'openai/gpt-4o-mini-2024-07-18',
      choices: [{ index: 0, text: expect.any(String), finish_reason: 'length', logprobs: null }],
      usage: { completion_tokens: 5, cost: expect.any(Number) },
    });
    expect(JSON.parse(await lastBody())).toEqual({
      model: 'openai/gpt-4o-mini',
      max_tokens: 5,
      stop: ['x'],
      temperature: 0.3,
      top_k: 4,
      messages: [{ role: 'user', content: 'Hello' }],
    });
    expect(usageOf(answer.headers)).toMatchObject({ endpoint: '/v1/completions', output_tokens: 5, status: 200 });
  });

  it('makes a choice for each prompt and each of n, all billed', async () => {
    const before = (await upstreamCalls()).length;
    const answer = await complete({ prompt: ['one', 'two'], n: 2, echo: true });
    const made = (await upstreamCalls()).slice(before);
    expect(choicesOf(answer).map(({ index, text }) => [index, text.slice(0, 3)])).toEqual([
      [0, 'one'],
      [1, 'one'],
      [2, 'two'],
      [3, 'two'],
    ]);
    expect(made).toHaveLength(4);
    const cost = made.reduce((sum, { cost_nano_usd }) => sum + cost_nano_usd, 0);
    expect(usageOf(answer.headers)).toMatchObject({ attempts: 4, cost_nano_usd: cost, extra_cost_nano_usd: 0 });
    expect(Math.round(JSON.parse(answer.text).usage.cost * 1e9)).toBe(cost);
  });

  it('streams the same, choice by choice, with usage where the client asks for it', async () => {
    const body = { prompt: ['one', 'two'], echo: true, stream_options: { include_usage: true } };
    const whole = await complete(body);
    const streamed = await complete({ ...body, stream: true });
    expect(streamed.headers.get('content-type')).toBe('text/event-stream');
    const chunks = eventsOf(streamed) as { choices: Choice[]; usage?: object; object: string; id: string }[];
    const choices = chunks.flatMap(({ choices }) => choices);
    for (const { index, text, finish_reason } of choicesOf(whole)) {
      const own = choices.filter((choice) => choice.index === index);
      expect(own.map((choice) => choice.text).join('')).toBe(text);
      expect(own.map((choice) => choice.finish_reason).filter(Boolean)).toEqual([finish_reason]);
    }
    expect(new Set(chunks.map(({ id, object }) => `${object} ${id}`)).size).toBe(1);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: JSON.parse(whole.text).usage });
    expect(streamed.text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(eventsOf(await complete({ prompt: 'x', stream: true })).every(({ usage }) => usage === undefined)).toBe(
      true,
    );
  });

  it.each([
    [{ prompt: [1, 2] }, 'prompt', 'unsupported_value'],
    [{ prompt: [[1], [2]] }, 'prompt', 'unsupported_value'],
    [{ prompt: 'x', suffix: 'y' }, 'suffix', 'unsupported_parameter'],
    [{ prompt: 'x', best_of: 2 }, 'best_of', 'unsupported_parameter'],
    [{ prompt: 'x', logprobs: 1 }, 'logprobs', 'unsupported_parameter'],
    [{ prompt: 'x', tools: [{ type: 'function', function: { name: 'f' } }] }, 'tools', 'unsupported_parameter'],
    [{ prompt: 'x', tools: {} }, 'tools', 'unsupported_parameter'],
    [{ prompt: 'x', functions: [{ name: 'f' }] }, 'functions', 'unsupported_parameter'],
    [{ prompt: 'x', messages: [] }, 'messages', 'unsupported_parameter'],
    [{ prompt: Array(20).fill('x'), n: 2 }, 'n', 'integer_above_max_value'],
    [{}, 'prompt', 'missing_required_parameter'],
  ])('refuses what chat models cannot do: %j', async (body, param, code) => {
    const answer = await complete(body);
    expect([answer.status, errorOf(answer).param, errorOf(answer).code]).toEqual([400, param, code]);
  });

  it('takes best_of where it asks for no more than n', async () => {
    expect(choicesOf(await complete({ prompt: 'x', n: 2, best_of: 2 }))).toHaveLength(2);
  });

  it.each([false, true])('fails as a whole, with the status of what failed (streamed: %s)', async (stream) => {
    const settings = { UPSTREAM_RETRIES: '0', FALLBACK_MODELS: '' };
    const answer = await complete({ model: 'sim/status-429', prompt: ['a', 'b'], stream }, settings);
    expect([answer.status, errorOf(answer).code]).toEqual([429, 'rate_limit_exceeded']);
  });

  it('tells of a stream that broke as an error event', async () => {
    const answer = await complete({ model: 'sim/error-mid-stream/completions', prompt: 'x', stream: true });
    expect(eventsOf(answer).at(-1)).toMatchObject({ error: { type: 'server_error' } });
    expect(usageOf(answer.headers)).toMatchObject({ status: 502 });
  });

  it('reserves what stands beside its prompts, too', async () => {
    const poor = await createKey('completer-of-much', { limits: { budget_month_nano_usd: 2_000_000 } });
    const response_format = { type: 'text', description: 'x'.repeat(20_000) };
    expect((await complete({ prompt: 'x', max_tokens: 10 }, {}, poor)).status).toBe(200);
    expect((await complete({ prompt: 'x', max_tokens: 10, response_format }, {}, poor)).status).toBe(429);
    expect((await complete({ prompt: 'x', max_tokens: 10, web_search_options: {} }, {}, poor)).status).toBe(429);
  });

  it('reserves what all of its choices may cost', async () => {
    const poor = await createKey('poor-completer', { limits: { budget_month_nano_usd: 800_000 } });
    const one = await complete({ prompt: 'x', max_tokens: 10 }, {}, poor);
    const four = await complete({ prompt: 'x', max_tokens: 10, n: 4 }, {}, poor);
    expect([one.status, four.status, errorOf(four).code]).toEqual([200, 429, 'insufficient_quota']);
  });
});

describe('POST /v1/responses', () => {
  const respond = (body: object, changed: Partial<Env> = {}) =>
    ask('/v1/responses', { input: 'Hello', ...body }, changed);

  it('is relayed as it came and metered by its own usage', async () => {
    const body = '{"model":"openai/gpt-4o-mini",  "input":"é","unknown":{"x":1.0},"seed":12345678901234567890}';
    const answer = await post('/v1/responses', key, body, {}, VARS);
    expect(await lastBody()).toBe(body);
    const entry = (await upstreamCalls()).at(-1);
    expect(usageOf(answer.headers)).toMatchObject({
      endpoint: '/v1/responses',
      status: 200,
      finish_reason: 'stop',
      usage_source: 'provider',
      input_tokens: entry?.prompt_tokens,
      output_tokens: entry?.completion_tokens,
      cost_nano_usd: entry?.cost_nano_usd,
      model: 'openai/gpt-4o-mini-2024-07-18',
    });
  });

  it.each([
    ['words', {}, 'stop'],
    ['reasoning', { model: 'sim/reasoning' }, 'stop'],
    ['calls of tools', { model: 'sim/tools', tools: [{ type: 'function', name: 'x', parameters: {} }] }, 'tool_calls'],
    ['an answer that is cut short', { max_output_tokens: 3 }, 'length'],
  ])('streams %s and is metered by the last event', async (_, body, finish_reason) => {
    const answer = await respond({ ...body, stream: true });
    const types = eventsOf(answer).map(({ type }) => type);
    expect(types[0]).toBe('response.created');
    expect(types.at(-1)).toBe(finish_reason === 'length' ? 'response.incomplete' : 'response.completed');
    const entry = (await upstreamCalls()).at(-1);
    expect(usageOf(answer.headers)).toMatchObject({
      status: 200,
      finish_reason,
      usage_source: 'provider',
      input_tokens: entry?.prompt_tokens,
      output_tokens: entry?.completion_tokens,
      reasoning_tokens: entry?.reasoning_tokens,
      cost_nano_usd: entry?.cost_nano_usd,
    });
  });

  it.each([
    ['status-503', false],
    ['status-503', true],
    ['error-200-json', false],
    ['error-first-event', true],
    ['die-before-bytes', true],
    ['empty-stream', true],
  ])('is answered by the next model where one fails with %s (streamed: %s)', async (fault, stream) => {
    const model = `sim/${fault}/responses`;
    const answer = await respond({ model, models: ['openai/gpt-4o-mini'], stream }, { UPSTREAM_RETRIES: '0' });
    expect([answer.status, answer.headers.get('x-gateway-model')]).toEqual([200, 'openai/gpt-4o-mini']);
    expect(usageOf(answer.headers)).toMatchObject({ attempts: 2, status: 200 });
    expect(answer.text).not.toMatch(/"type":"error"|response.failed/);
  });

  it.each([
    'error-mid-stream',
    'error-mid-stream-empty-choices',
    'error-mid-stream-bare',
    'die-mid-stream',
    'truncated-json',
  ])('ends in an event that says so when its provider breaks it: %s', async (fault) => {
    const answer = await respond({ model: `sim/${fault}/responses`, stream: true, sim: { gap_ms: 5 } });
    expect(answer.status).toBe(200);
    const last = answer.text.split('\n').findLast((line) => line.startsWith('data: {'));
    expect(last).toMatch(/"type":"(error|response\.failed)"|"error":\{/);
    expect(usageOf(answer.headers)).toMatchObject({ status: 502 });
  });

  it('bounds its length by MAX_TOKENS_DEFAULT where the client sets none', async () => {
    await respond({}, { MAX_TOKENS_DEFAULT: '7' });
    expect(JSON.parse(await lastBody())).toMatchObject({ max_output_tokens: 7 });
  });

  it.each([
    [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
    [{ conversation: 'conv_1' }, 'conversation'],
    [{ background: true }, 'background'],
    [{ tools: [{ type: 'gateway:weather' }] }, 'tools'],
  ])('refuses what would need an earlier response: %j', async (body, param) => {
    const answer = await respond(body);
    expect([answer.status, errorOf(answer).param, errorOf(answer).code]).toEqual([400, param, 'unsupported_parameter']);
  });
});

describe('POST /v1/embeddings', () => {
  const embed = (body: object, changed: Partial<Env> = {}, as = key) =>
    ask('/v1/embeddings', { model: 'openai/text-embedding-3-small', input: 'Hello', ...body }, changed, as);

  it.each([
    ['a text', 'Hello', 1],
    ['texts', ['Hello', 'there'], 2],
    ['tokens', [1, 2, 3], 1],
    ['lists of tokens', [[1, 2], [3]], 2],
  ])('takes %s and is metered by its own usage', async (_, input, vectors) => {
    const answer = await embed({ input });
    expect(JSON.parse(answer.text).data).toHaveLength(vectors);
    const entry = (await upstreamCalls()).at(-1);
    expect(usageOf(answer.headers)).toMatchObject({
      endpoint: '/v1/embeddings',
      usage_source: 'provider',
      input_tokens: entry?.prompt_tokens,
      output_tokens: 0,
      cost_nano_usd: entry?.cost_nano_usd,
    });
  });

  it('passes on what it does not know, and reads the usage of answers that are too long to be kept', async () => {
    const answer = await embed({ input: Array(400).fill('x'), dimensions: 3_000, provider: { order: ['a'] } });
    expect(answer.text.length).toBeGreaterThan(5_000_000);
    expect(JSON.parse(await lastBody())).toMatchObject({ dimensions: 3_000, provider: { order: ['a'] } });
    const { cost_nano_usd } = (await upstreamCalls()).at(-1) ?? {};
    expect(usageOf(answer.headers)).toMatchObject({ usage_source: 'provider', cost_nano_usd });
  });

  it('is answered by no other model than the one it names', async () => {
    const answer = await embed({ model: 'sim/status-503/embeddings' }, { UPSTREAM_RETRIES: '0' });
    expect([answer.status, usageOf(answer.headers)?.attempts]).toEqual([503, 1]);
    const aliased = await embed({ model: 'vectors' }, { MODEL_ALIASES: 'vectors=openai/text-embedding-3-large' });
    expect([aliased.status, aliased.headers.get('x-gateway-model')]).toEqual([200, 'openai/text-embedding-3-large']);
  });

  it('reserves a context for each of its inputs', async () => {
    const poor = await createKey('embedder-of-much', { limits: { budget_day_nano_usd: 1_000_000 } });
    const answer = await embed({ input: Array(100).fill('x'.repeat(8_000)) }, {}, poor);
    expect([answer.status, errorOf(answer).code]).toEqual([429, 'insufficient_quota']);
  });

  it('reserves little of a budget, by the upstream’s list of models for embeddings', async () => {
    const poor = await createKey('poor-embedder', { limits: { budget_month_nano_usd: 10_000 } });
    expect((await embed({}, {}, poor)).status).toBe(200);
  });

  it.each([
    [{ model: undefined }, 'model', 'missing_required_parameter'],
    [{ model: 'premium' }, 'model', 'invalid_value'],
    [{ models: ['qwen/qwen3-embedding-8b'] }, 'models', 'unsupported_parameter'],
    [{ input: '' }, 'input', 'string_below_min_length'],
    [{ input: [] }, 'input', 'empty_array'],
    [{ encoding_format: 'hex' }, 'encoding_format', 'invalid_value'],
  ])('refuses %j', async (body, param, code) => {
    const answer = await embed(body);
    expect([answer.status, errorOf(answer).param, errorOf(answer).code]).toEqual([400, param, code]);
  });
});
