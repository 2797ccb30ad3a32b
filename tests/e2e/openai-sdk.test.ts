import { createOpenAI } from '@ai-sdk/openai';
import { streamText } from 'ai';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nanoToUsd } from '../../shared/money.ts';
import { eventually } from '../support/eventually.ts';
import { ledgerRow, type System, startSystem } from '../support/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

const HELLO = [{ role: 'user' as const, content: 'Hello' }];
const WEATHER_TOOL = {
  type: 'function' as const,
  function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
};

/** A model that only the simulator knows, with the simulator's own fields, which pass through. */
const ask = (model: string, sim: Record<string, unknown> = {}) => ({ model, messages: HELLO, sim }) as const;

describe('the official openai SDK', () => {
  it('reads an organization’s usage and costs, which are the upstream’s own', async () => {
    const admin = await system.createKey('operator', { permissions: ['admin'] });
    const apiKey = await system.createKey('member');
    const client = new OpenAI({ apiKey, baseURL: `${system.origin}/v1`, maxRetries: 0 });
    const answer = await client.chat.completions.create({ model: 'openai/gpt-4o-mini', messages: HELLO });
    const booked = system.upstream.account.entries.at(-1);
    const { usage } = new OpenAI({ adminAPIKey: admin, apiKey: null, baseURL: `${system.origin}/v1` }).admin
      .organization;
    const start_time = Math.floor(Date.now() / 1000);
    const query = { start_time, group_by: ['model' as const], models: [answer.model], user_ids: ['member'] };
    const page = await eventually(async () => {
      const found = await usage.completions(query);
      return found.data[0]?.results.length ? found : null;
    });
    expect(page).toMatchObject({ object: 'page', has_more: false, next_page: null });
    expect(page.data[0]?.results).toMatchObject([
      { model: answer.model, num_model_requests: 1, input_tokens: booked?.prompt_tokens },
    ]);
    const costs = await usage.costs({ start_time, group_by: ['line_item'], api_key_ids: ['key_member'] });
    const items = costs.data.flatMap(({ results }) => results);
    expect(items.find((item) => 'line_item' in item && item.line_item === answer.model)).toMatchObject({
      amount: { value: (booked?.cost_nano_usd ?? 0) / 1e9, currency: 'usd' },
    });
  });

  it('does not retry what no waiting helps against', async () => {
    const retries = async (limits: Record<string, number>) => {
      const name = Object.keys(limits).join();
      const apiKey = await system.createKey(name, { limits });
      let calls = 0;
      const client = new OpenAI({
        apiKey,
        baseURL: `${system.origin}/v1`,
        fetch: (...request) => {
          calls += 1;
          return fetch(...request);
        },
      });
      const refused = client.chat.completions.create({ model: 'openai/gpt-4o-mini', messages: HELLO });
      await expect(refused).rejects.toBeInstanceOf(OpenAI.RateLimitError);
      return calls;
    };
    expect(await retries({ budget_month_nano_usd: 1 })).toBe(1);
    expect(await retries({ concurrent_requests: 0 })).toBe(1);
  });

  it('streams a chat completion, whose cost stands in the ledger and in /usage within 10 s', async () => {
    const { data: stream, response } = await system.client.chat.completions
      .create({ model: 'openai/gpt-5-mini', messages: HELLO, stream: true })
      .withResponse();
    let text = '';
    let cost: unknown;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      if (chunk.usage) cost = (chunk.usage as unknown as { cost: number }).cost;
    }
    const booked = system.upstream.account.entries.at(-1);
    const row = await ledgerRow(system.db, response.headers.get('x-request-id') ?? '');
    expect(text.split(' ')).toHaveLength(20);
    expect(booked?.received_headers).toEqual({
      'http-referer': 'https://github.com/wemake/openai-api',
      'x-title': '@wemake/openai-api',
    });
    expect(row).toMatchObject({
      model: 'openai/gpt-5-mini-2025-08-07',
      status: 200,
      finish_reason: 'stop',
      usage_source: 'provider',
      attempts: 1,
      cost_nano_usd: booked?.cost_nano_usd,
      input_tokens: booked?.prompt_tokens,
      output_tokens: booked?.completion_tokens,
    });
    expect(Number(nanoToUsd(row.cost_nano_usd ?? 0))).toBeCloseTo(Number(cost), 8);

    const usage = await eventually(async () => {
      const answer = await fetch(`${system.origin}/usage?group_by=model,key`, {
        headers: { authorization: `Bearer ${system.key}` },
      });
      const body = (await answer.json()) as { data: { requests: number }[] };
      return body.data.length > 0 ? body : null;
    });
    expect(usage).toMatchObject({
      object: 'usage',
      group_by: ['model', 'key'],
      data: [{ model: 'openai/gpt-5-mini-2025-08-07', key: 'key_tester', requests: 1, errors: 0 }],
      total: { requests: 1, cost_nano_usd: row.cost_nano_usd, cost_usd: nanoToUsd(row.cost_nano_usd ?? 0) },
    });
  });

  it('gets a whole answer, padding and all', async () => {
    const completion = await system.client.chat.completions.create({ model: 'openai/gpt-4o-mini', messages: HELLO });
    expect(completion.choices[0]?.message.content?.split(' ')).toHaveLength(20);
    expect(completion.model).toBe('openai/gpt-4o-mini-2024-07-18');
  });

  it('calls tools, streamed and not', async () => {
    const request = { model: 'sim/parallel-tools', messages: HELLO, tools: [WEATHER_TOOL, WEATHER_TOOL] };
    const whole = await system.client.chat.completions.create(request);
    const stream = system.client.chat.completions.stream(request);
    const streamed = await stream.finalChatCompletion();
    for (const { choices } of [whole, streamed]) {
      expect(choices[0]?.finish_reason).toBe('tool_calls');
      expect(choices[0]?.message.tool_calls).toMatchObject([
        { function: { name: 'weather', arguments: '{"city":"Zürich"}' } },
        { function: { name: 'weather', arguments: '{"city":"Zürich"}' } },
      ]);
    }
  });

  it.each([
    ['a key that is none', { key: 'sk-nobody' }, {}, OpenAI.AuthenticationError, 'invalid_api_key'],
    ['a model that is none', {}, { model: 'nobody/nothing', models: ['x'] }, OpenAI.NotFoundError, 'model_not_found'],
    ['a request that is none', {}, { temperature: 9 }, OpenAI.BadRequestError, 'decimal_above_max_value'],
    ['a refusal of the upstream', {}, { model: 'sim/status-403' }, OpenAI.PermissionDeniedError, 'request_refused'],
    ['our own lack of credit', {}, { model: 'sim/status-402' }, OpenAI.InternalServerError, 'service_unavailable'],
    ['an upstream limit', {}, { model: 'sim/status-429', models: ['x'] }, OpenAI.RateLimitError, 'rate_limit_exceeded'],
    [
      'an upstream that is down',
      {},
      { model: 'sim/status-500', models: ['x'] },
      OpenAI.InternalServerError,
      'service_unavailable',
    ],
  ])('raises a typed error for %s', async (_, { key }: { key?: string }, change, type, code) => {
    const client = key ? system.client.withOptions({ apiKey: key }) : system.client;
    const error = await client.chat.completions
      .create({ ...ask('openai/gpt-5-mini'), ...change })
      .then(() => null)
      .catch((raised: unknown) => raised);
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ code, requestID: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(JSON.stringify((error as InstanceType<typeof OpenAI.APIError>).error)).not.toMatch(
      /sk-or|user_|credit|https?:/,
    );
  });

  it.each([
    'die-mid-stream',
    'error-mid-stream',
    'error-mid-stream-empty-choices',
    'error-mid-stream-bare',
    'error-mid-stream-usage',
    'truncated-json',
  ])('raises when the upstream breaks a stream: %s', async (fault) => {
    const { data: stream, response } = await system.client.chat.completions
      .create({ ...ask(`sim/${fault}`, { gap_ms: 5 }), stream: true })
      .withResponse();
    const read = async () => {
      let chunks = 0;
      for await (const _ of stream) chunks += 1;
      return chunks;
    };
    // An event that was cut in two is no JSON, which the SDK meets before our error event.
    await expect(read()).rejects.toBeInstanceOf(fault === 'truncated-json' ? SyntaxError : OpenAI.APIError);
    expect((await ledgerRow(system.db, response.headers.get('x-request-id') ?? '')).status).toBe(502);
  });
});

describe('the AI SDK', () => {
  it('streams text and reads usage', async () => {
    const provider = createOpenAI({ apiKey: system.key, baseURL: `${system.origin}/v1` });
    const result = streamText({ model: provider.chat('openai/gpt-4o-mini'), prompt: 'Hello' });
    expect((await result.text).split(' ')).toHaveLength(20);
    expect((await result.usage).outputTokens).toBe(20);
  });
});
