import { beforeAll, describe, expect, it } from 'vitest';
import type { Env } from '../../../api-worker/env.ts';
import type { UsageEvent } from '../../../shared/usage-event.ts';
import {
  applySchema,
  createKey,
  errorOf,
  lastBody,
  post,
  simulator,
  type UpstreamCall,
  upstreamCalls,
} from './support.ts';

let key: string;
beforeAll(async () => {
  await applySchema();
  key = await createKey('agent');
});

const ASK = { model: 'openai/gpt-4o-mini', messages: [{ role: 'user', content: 'How is the weather?' }] };
const CALCULATOR = { type: 'gateway:calculator' };
const SUM = { tool_arguments: { expression: '6 * 7' } };
const OWN = {
  type: 'function',
  function: { name: 'lookup', parameters: { properties: { city: { type: 'string' } } } },
};

const events: UsageEvent[] = [];
const USAGE_QUEUE = { send: async (event: UsageEvent) => void events.push(event) } as unknown as Queue;
const VARS = {
  USAGE_QUEUE,
  WEATHER_GEOCODING_URL: simulator,
  WEATHER_FORECAST_URL: simulator,
};
const chat = (body: object, changed: Partial<Env> = {}) =>
  post('/v1/chat/completions', key, { ...ASK, tools: [CALCULATOR], sim: SUM, ...body }, {}, { ...VARS, ...changed });

const lastRequest = async () => JSON.parse(await lastBody()) as Record<string, unknown>;

/** What the upstream was asked and charged while something was done. */
async function meanwhile<T>(work: () => Promise<T>): Promise<{ result: T; calls: UpstreamCall[]; cost: number }> {
  const before = (await upstreamCalls()).length;
  const result = await work();
  const calls = (await upstreamCalls()).slice(before);
  return { result, calls, cost: calls.reduce((sum, { cost_nano_usd }) => sum + cost_nano_usd, 0) };
}

const usageOf = (headers: Headers) => events.find(({ request_id }) => request_id === headers.get('x-request-id'));

interface Message {
  content: string | null;
  tool_calls?: { index?: number; function: { name: string; arguments: string } }[];
}
const messageOf = ({ text }: { text: string }) =>
  JSON.parse(text).choices[0] as { message: Message; finish_reason: string };

/** A stream's chunks, put together as a client does. */
function assembled({ text }: { text: string }) {
  const events = text.split('\n\n').filter((event) => event.startsWith('data: '));
  const chunks = events.filter((event) => event !== 'data: [DONE]').map((event) => JSON.parse(event.slice(6)));
  const message: Message = { content: '' };
  let finish: string | null = null;
  for (const chunk of chunks) {
    const [choice] = chunk.choices ?? [];
    message.content += choice?.delta?.content ?? '';
    finish = choice?.finish_reason ?? finish;
    for (const call of choice?.delta?.tool_calls ?? []) {
      message.tool_calls ??= [];
      const known = message.tool_calls[call.index];
      if (known) known.function.arguments += call.function.arguments;
      else message.tool_calls[call.index] = structuredClone(call);
    }
  }
  return { message, finish, chunks, done: events.at(-1) === 'data: [DONE]' };
}

describe('tools of the gateway', () => {
  it('are run between two calls of the model, whose usage and cost are summed to the nano-dollar', async () => {
    const { result, calls, cost } = await meanwhile(() => chat({}));
    expect(result.status).toBe(200);
    expect(messageOf(result)).toMatchObject({ finish_reason: 'stop', message: { role: 'assistant' } });
    expect(messageOf(result).message.content).toContain('The tool said {"expression":"6 * 7","result":42}.');
    expect(messageOf(result).message.tool_calls).toBeUndefined();
    expect(calls).toHaveLength(2);
    const { usage } = JSON.parse(result.text);
    expect(usage).toMatchObject({
      prompt_tokens: calls.reduce((sum, { prompt_tokens }) => sum + prompt_tokens, 0),
      completion_tokens: calls.reduce((sum, { completion_tokens }) => sum + completion_tokens, 0),
    });
    expect(Math.round(usage.cost * 1e9)).toBe(cost);
    expect(usageOf(result.headers)).toMatchObject({
      cost_nano_usd: cost,
      extra_cost_nano_usd: 0,
      attempts: 2,
      status: 200,
      usage_source: 'provider',
      input_tokens: usage.prompt_tokens,
    });
  });

  it('are run in streams, which say the same and tell usage and finish once, at their end', async () => {
    const stream_options = { include_usage: true };
    const whole = await chat({ stream_options });
    const streamed = await chat({ stream: true, stream_options });
    const { message, finish, chunks, done } = assembled(streamed);
    expect(message.content).toBe(messageOf(whole).message.content);
    expect([finish, done, message.tool_calls]).toEqual(['stop', true, undefined]);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.filter(({ choices }) => choices[0]?.finish_reason)).toHaveLength(1);
    expect(chunks.filter(({ usage }) => usage)).toEqual([chunks.at(-1)]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: JSON.parse(whole.text).usage });
    expect(streamed.headers.get('x-gateway-model')).toBe(ASK.model);
  });

  it('tell usage with the finish where the client does not ask for a chunk of its own', async () => {
    const { chunks } = assembled(await chat({ stream: true }));
    expect(chunks.at(-1)).toMatchObject({ choices: [{ finish_reason: 'stop' }], usage: { cost: expect.any(Number) } });
  });

  it('reach the model as functions beside the client’s own, whose words are left alone', async () => {
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'weather?', cache_control: { type: 'ephemeral' } }] },
    ];
    await chat({ messages, tools: [OWN, CALCULATOR], top_k: 3, provider: { order: ['a'] }, tool_choice: 'none' });
    const body = await lastRequest();
    expect(body).toMatchObject({ messages, top_k: 3, provider: { order: ['a'] }, tool_choice: 'none' });
    expect(body.tools).toMatchObject([
      OWN,
      { type: 'function', function: { name: 'calculator', parameters: { required: ['expression'] } } },
    ]);
  });

  it('send back the reasoning behind a call, which some models want', async () => {
    for (const stream of [false, true]) {
      await chat({ stream, reasoning: { effort: 'low' } });
      const { messages } = (await lastRequest()) as { messages: Record<string, unknown>[] };
      expect(messages[1]).toMatchObject({ role: 'assistant', tool_calls: [{ function: { name: 'calculator' } }] });
    }
  });

  it.each([false, true])(
    'end the turn with the client’s calls alone when it has tools too (streamed: %s)',
    async (stream) => {
      const answer = await chat({ model: 'sim/mixed-tools', stream, tools: [CALCULATOR, OWN] });
      const { message, finish } = stream
        ? assembled(answer)
        : { message: messageOf(answer).message, finish: messageOf(answer).finish_reason };
      expect(finish).toBe('tool_calls');
      expect(message.tool_calls).toMatchObject([{ index: 0, function: { name: 'lookup' } }]);
      expect(message.tool_calls).toHaveLength(1);
      expect(JSON.parse(message.tool_calls?.[0]?.function.arguments ?? '')).toEqual(SUM.tool_arguments);
      expect(usageOf(answer.headers)).toMatchObject({ attempts: 1, finish_reason: 'tool_calls' });
    },
  );

  it.each([
    ['auto', 'auto', undefined],
    ['required', 'required', undefined],
    [
      { type: 'function', function: { name: 'calculator' } },
      { type: 'function', function: { name: 'calculator' } },
    ],
    [{ type: 'gateway:calculator' }, { type: 'function', function: { name: 'calculator' } }],
    [{ type: 'function', function: { name: 'lookup' } }, { type: 'function', function: { name: 'lookup' } }, 'lookup'],
  ])('are chosen by tool_choice %j in the first step alone', async (tool_choice, first, calls?: string) => {
    const choice = chat({ tool_choice, tools: [CALCULATOR, OWN] }, { AGENT_MAX_STEPS: '1' });
    const { finish_reason } = messageOf(await choice);
    expect(finish_reason).toBe(calls ? 'tool_calls' : 'length');
    expect((await lastRequest()).tool_choice).toEqual(first);
    if (calls) return;
    expect(messageOf(await chat({ tool_choice, tools: [CALCULATOR, OWN] })).finish_reason).toBe('stop');
    expect((await lastRequest()).tool_choice).toBe('auto');
  });

  it('tell the model what went wrong with them, and the turn goes on', async () => {
    const wrong = await chat({ sim: { tool_arguments: { expression: '6 *' } } });
    expect(messageOf(wrong).message.content).toMatch(/The tool said .*(unexpected|parse)/i);
    const unfit = await chat({ sim: { tool_arguments: { expression: 7 } } });
    expect([unfit.status, messageOf(unfit).finish_reason]).toEqual([200, 'stop']);
  });
});

describe('each of the tools', () => {
  const said = async (name: string, input: object, changed: Partial<Env> = {}) => {
    const tools = [{ type: `gateway:${name}` }];
    return messageOf(await chat({ tools, sim: { tool_arguments: input } }, changed)).message.content;
  };

  it.each([
    ['2 + 3 * 4 ^ 2', '50'],
    ['sqrt(2) * sin(PI / 2)', '1.4142135623730951'],
    ['1 / 0', '"Infinity"'],
    ['0.1 + 0.2 > 0.3', 'true'],
  ])('calculates %s', async (expression, result) => {
    expect(await said('calculator', { expression })).toContain(`"result":${result}}`);
  });

  it.each(['x = 1', 'f(x) = x', '"a" || "b"', 'toString', 'constructor', '[1, 2]'])(
    'calculates no %s',
    async (expression) => {
      expect(await said('calculator', { expression })).not.toContain('"result"');
    },
  );

  it('tells the time of a place', async () => {
    const minute = new Date().toISOString().slice(0, 16);
    expect(await said('current_time', { time_zone: 'Asia/Tokyo' })).toContain(`{"utc":"${minute}`);
    expect(await said('current_time', { time_zone: 'Asia/Tokyo' })).toContain('GMT+9');
    expect(await said('current_time', { time_zone: 'Nowhere' })).toMatch(/time ?zone/i);
  });

  it('tells the weather of a place, or that there is none such, or that nobody knows', async () => {
    expect(await said('weather', { city: 'Zürich' })).toContain(
      '{"place":"Zürich, Switzerland","observed_at":"2026-11-01T12:00Z","conditions":"rain","temperature_c":12.5',
    );
    expect(await said('weather', { city: 'Atlantis' })).toContain("There is no place named 'Atlantis'.");
    const down = { WEATHER_GEOCODING_URL: 'http://127.0.0.1:9' };
    expect(await said('weather', { city: 'Zürich' }, down)).toContain('does not answer at the moment');
  });
});

describe('a turn is bounded', () => {
  it('in its steps: in the last one the model is told to come to an end', async () => {
    const { result, calls } = await meanwhile(() => chat({ model: 'sim/tool-loop' }, { AGENT_MAX_STEPS: '3' }));
    expect(calls).toHaveLength(3);
    expect((await lastRequest()).tool_choice).toBe('none');
    expect(messageOf(result).finish_reason).toBe('stop');
  });

  it.each([false, true])('in its spending (streamed: %s)', async (stream) => {
    const { result, calls } = await meanwhile(() => chat({ stream }, { AGENT_MAX_COST_USD: '0.000000001' }));
    expect(calls).toHaveLength(1);
    expect(stream ? assembled(result).finish : messageOf(result).finish_reason).toBe('length');
  });

  it.each([false, true])('in its time (streamed: %s)', async (stream) => {
    const answer = await chat({ model: 'sim/silence', stream, models: ['sim/silence'] }, { AGENT_TIMEOUT_MS: '300' });
    expect([answer.status, errorOf(answer).code]).toEqual([504, 'upstream_timeout']);
    expect(usageOf(answer.headers)).toMatchObject({ status: 504 });
  });

  it('by the account’s budget, step by step', async () => {
    // Room for one step of 10 tokens, not for what the second one has to read as well.
    const poor = await createKey('poor-agent', { limits: { budget_month_nano_usd: 370_000 } });
    const body = { ...ASK, max_tokens: 10, tools: [CALCULATOR], sim: SUM };
    const { result, calls } = await meanwhile(() => post('/v1/chat/completions', poor, body, {}, VARS));
    expect(calls).toHaveLength(1);
    expect([result.status, errorOf(result).code]).toEqual([429, 'insufficient_quota']);
  });
});

describe('what fails in a turn', () => {
  it.each([
    ['status-429', 429, 'rate_limit_exceeded'],
    ['status-403', 403, 'request_refused'],
    ['status-402', 503, 'service_unavailable'],
    ['error-200-json', 503, 'service_unavailable'],
  ])('keeps the status that it has elsewhere: %s', async (fault, status, code) => {
    for (const stream of [false, true]) {
      const settings = { UPSTREAM_RETRIES: '0', FALLBACK_MODELS: '' };
      const answer = await chat({ model: `sim/${fault}`, stream }, settings);
      expect([answer.status, errorOf(answer).code]).toEqual([status, code]);
      expect(usageOf(answer.headers)).toMatchObject({ status });
    }
  });

  it.each(['error-mid-stream', 'error-mid-stream-empty-choices', 'error-mid-stream-bare', 'truncated-json'])(
    'mid-stream is told as an error event: %s',
    async (fault) => {
      const answer = await chat({ model: `sim/${fault}`, stream: true, tool_choice: 'none' });
      expect(answer.status).toBe(200);
      const { chunks, done } = assembled(answer);
      expect(chunks.at(-1)).toMatchObject({ error: { type: 'server_error', code: expect.any(String) } });
      expect(chunks.at(-1).error.message).not.toMatch(/sk-or|user_/);
      expect(done).toBe(true);
      expect(usageOf(answer.headers)).toMatchObject({ status: 502 });
    },
  );

  it.each([
    [{ tools: [{ type: 'gateway:nothing' }] }, 'tools[0].type', 'invalid_value'],
    [
      { tools: [CALCULATOR, { type: 'function', function: { name: 'calculator' } }] },
      'tools[1].function.name',
      'invalid_value',
    ],
    [{ n: 2 }, 'n', 'unsupported_parameter'],
    [{ tools: [CALCULATOR, { type: 'custom', custom: { name: 'x' } }] }, 'tools[1].type', 'unsupported_parameter'],
  ])('is refused before anything is done: %j', async (body, param, code) => {
    const { result, calls } = await meanwhile(() => chat(body));
    expect([result.status, errorOf(result).param, errorOf(result).code]).toEqual([400, param, code]);
    expect(calls).toHaveLength(0);
  });
});
