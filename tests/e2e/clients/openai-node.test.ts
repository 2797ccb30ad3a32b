import OpenAI from 'openai';
import { zodResponseFormat, zodResponsesFunction, zodTextFormat } from 'openai/helpers/zod';
import type { ChatCompletionMessageParam, ChatCompletionTool } from 'openai/resources/chat/completions';
import type { ResponseInput } from 'openai/resources/responses/responses';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ledgerRow, type System, startSystem } from '../../support/system.ts';
import {
  BREAKING_MODEL,
  BROKEN,
  CALCULATOR,
  EMBEDDING_MODEL,
  HELLO,
  MODEL,
  MODEL_THAT_ANSWERS,
  QUESTION,
  REQUEST_ID,
  raised,
  SLOWLY,
  SUM,
  TOLD_SUM,
  TOLD_WEATHER,
  TOOL_MODEL,
  Verdict,
  WEATHER,
  WEATHER_ARGUMENTS,
  WEATHER_TOOL,
  Weather,
  WORDS,
  weatherIn,
  YES,
} from './scenarios.ts';

let system: System;
let client: OpenAI;
beforeAll(async () => {
  system = await startSystem();
  client = system.client;
});
afterAll(() => system.stop());

describe('openai for Node: chat completions', () => {
  it('says the same streamed and not', async () => {
    const whole = await client.chat.completions.create({ model: MODEL, messages: HELLO });
    const stream = await client.chat.completions.create({ model: MODEL, messages: HELLO, stream: true });
    let text = '';
    let usage: OpenAI.CompletionUsage | null = null;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(text.split(' ')).toHaveLength(WORDS);
    expect(whole).toMatchObject({ object: 'chat.completion', model: MODEL_THAT_ANSWERS });
    expect(whole.usage).toMatchObject({ prompt_tokens: expect.toSatisfy((n) => n > 0), completion_tokens: WORDS });
    expect(usage).toMatchObject({ prompt_tokens: whole.usage?.prompt_tokens, completion_tokens: WORDS });
    expect(whole._request_id).toMatch(REQUEST_ID);
  });

  it.each([false, true])('gives a tool of the client its turn, stream: %s', async (stream) => {
    const called: unknown[] = [];
    const request = {
      model: TOOL_MODEL,
      messages: HELLO,
      tools: [
        {
          type: 'function' as const,
          function: {
            ...WEATHER,
            parse: (json: string) => Weather.parse(JSON.parse(json)),
            function: (input: { city: string }) => {
              called.push(input);
              return weatherIn(input);
            },
          },
        },
      ],
    };
    const runner = stream
      ? client.chat.completions.runTools({ ...request, stream })
      : client.chat.completions.runTools(request);
    expect(await runner.finalContent()).toMatch(TOLD_WEATHER);
    expect(called).toEqual([WEATHER_ARGUMENTS]);
    expect(runner.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    expect((await runner.totalUsage()).completion_tokens).toBeGreaterThan(WORDS);
  });

  it('parses structured output, streamed and not', async () => {
    const request = { model: MODEL, messages: HELLO, response_format: zodResponseFormat(Verdict, 'verdict') };
    const whole = await client.chat.completions.parse(request);
    const streamed = await client.chat.completions.stream(request).finalChatCompletion();
    expect(whole.choices[0]?.message.parsed).toEqual(YES);
    expect(streamed.choices[0]?.message.parsed).toEqual(YES);
  });

  it.each([false, true])('answers with a tool that the gateway runs, stream: %s', async (stream) => {
    // The SDK's types know only OpenAI's tools.
    const tools = [CALCULATOR] as unknown as ChatCompletionTool[];
    const request = { model: TOOL_MODEL, messages: HELLO, tools, sim: SUM };
    const answer = stream
      ? await client.chat.completions.stream(request).finalChatCompletion()
      : await client.chat.completions.create(request);
    expect(answer.choices).toHaveLength(1);
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'stop', message: { role: 'assistant' } });
    expect(answer.choices[0]?.message.content).toMatch(TOLD_SUM);
    expect(answer.choices[0]?.message.tool_calls ?? []).toEqual([]);
  });

  it('hands over to a tool of the client what is beside those of the gateway', async () => {
    const tools = [WEATHER_TOOL, CALCULATOR] as unknown as ChatCompletionTool[];
    const messages: ChatCompletionMessageParam[] = [...HELLO];
    const first = await client.chat.completions.create({ model: TOOL_MODEL, messages, tools });
    const message = first.choices[0]?.message;
    const call = message?.tool_calls?.[0];
    if (!message || call?.type !== 'function') throw new Error('It did not call the function.');
    expect(first.choices[0]?.finish_reason).toBe('tool_calls');
    expect(call.function.name).toBe('weather');
    const content = weatherIn(Weather.parse(JSON.parse(call.function.arguments)));
    messages.push(message, { role: 'tool', tool_call_id: call.id, content });
    const second = await client.chat.completions.create({ model: TOOL_MODEL, messages, tools });
    expect(second.choices[0]?.message.content).toMatch(TOLD_WEATHER);
  });

  it('raises typed errors with our code and request id', async () => {
    const error = await raised(client.chat.completions.create({ model: MODEL, messages: HELLO, temperature: 9 }));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({
      code: 'decimal_above_max_value',
      param: 'temperature',
      type: 'invalid_request_error',
      message: expect.stringContaining("Invalid 'temperature'"),
      requestID: expect.stringMatching(REQUEST_ID),
    });
    const stranger = client.withOptions({ apiKey: 'sk-nobody' });
    const refused = await raised(stranger.chat.completions.create({ model: MODEL, messages: HELLO, stream: true }));
    expect(refused).toBeInstanceOf(OpenAI.AuthenticationError);
    expect(refused).toMatchObject({ code: 'invalid_api_key', requestID: expect.stringMatching(REQUEST_ID) });
  });

  it('raises when a stream breaks', async () => {
    const request = { model: BREAKING_MODEL, messages: HELLO, sim: SLOWLY };
    const stream = client.chat.completions.stream(request);
    let text = '';
    stream.on('content', (delta) => {
      text += delta;
    });
    const error = await raised(stream.finalContent());
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ ...BROKEN, requestID: expect.stringMatching(REQUEST_ID) });
    expect(text).not.toBe('');
  });
});

describe('openai for Node: responses', () => {
  it('says the same streamed and not', async () => {
    const whole = await client.responses.create({ model: MODEL, input: QUESTION });
    const stream = client.responses.stream({ model: MODEL, input: QUESTION });
    let text = '';
    const types = new Set<string>();
    for await (const event of stream) {
      types.add(event.type);
      if (event.type === 'response.output_text.delta') text += event.delta;
    }
    const streamed = await stream.finalResponse();
    expect(whole).toMatchObject({ object: 'response', status: 'completed', model: MODEL_THAT_ANSWERS });
    expect(whole.output_text.split(' ')).toHaveLength(WORDS);
    expect(text).toBe(whole.output_text);
    expect(streamed.output_text).toBe(whole.output_text);
    expect(whole.usage).toMatchObject({ output_tokens: WORDS, input_tokens: expect.toSatisfy((n) => n > 0) });
    expect(streamed.usage).toEqual(whole.usage);
    expect([...types].at(0)).toBe('response.created');
    expect([...types].at(-1)).toBe('response.completed');
    expect(whole._request_id).toMatch(REQUEST_ID);
    expect(await ledgerRow(system.db, whole._request_id ?? '')).toMatchObject({ status: 200, output_tokens: WORDS });
  });

  it.each([false, true])('gives a tool of the client its turn, stream: %s', async (stream) => {
    const tools = [zodResponsesFunction({ name: WEATHER.name, parameters: Weather })];
    const ask = (input: ResponseInput) => {
      const request = { model: TOOL_MODEL, input, tools };
      return stream ? client.responses.stream(request).finalResponse() : client.responses.parse(request);
    };
    const input: ResponseInput = [{ role: 'user', content: QUESTION }];
    const first = await ask(input);
    const call = first.output.find((item) => item.type === 'function_call');
    if (!call) throw new Error('It did not call the function.');
    expect(call).toMatchObject({ name: 'weather', parsed_arguments: WEATHER_ARGUMENTS });
    const output = weatherIn(Weather.parse(call.parsed_arguments));
    const { parsed_arguments: _, ...sent } = call;
    input.push(sent, { type: 'function_call_output', call_id: call.call_id, output });
    expect((await ask(input)).output_text).toMatch(TOLD_WEATHER);
  });

  it('parses structured output, streamed and not', async () => {
    const request = { model: MODEL, input: QUESTION, text: { format: zodTextFormat(Verdict, 'verdict') } };
    expect((await client.responses.parse(request)).output_parsed).toEqual(YES);
    expect((await client.responses.stream(request).finalResponse()).output_parsed).toEqual(YES);
  });

  it('raises typed errors with our code and request id', async () => {
    const error = await raised(client.responses.create({ model: MODEL, input: QUESTION, previous_response_id: 'r_1' }));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({
      code: 'unsupported_parameter',
      param: 'previous_response_id',
      requestID: expect.stringMatching(REQUEST_ID),
    });
  });

  it('raises when a stream breaks', async () => {
    const request = { model: BREAKING_MODEL, input: QUESTION, sim: SLOWLY };
    const stream = client.responses.stream(request);
    let text = '';
    stream.on('response.output_text.delta', ({ delta }) => {
      text += delta;
    });
    const error = await raised(stream.finalResponse());
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ ...BROKEN, requestID: expect.stringMatching(REQUEST_ID) });
    expect(text).not.toBe('');
  });
});

describe('openai for Node: embeddings', () => {
  it('reads the same vectors from base64, its default, as from numbers', async () => {
    const request = { model: EMBEDDING_MODEL, input: ['one', 'two'], dimensions: 16 };
    const decoded = await client.embeddings.create(request);
    expect(await upstreamBody()).toMatchObject({ encoding_format: 'base64' });
    const plain = await client.embeddings.create({ ...request, encoding_format: 'float' });
    expect(decoded.data.map(({ index, object }) => [index, object])).toEqual([
      [0, 'embedding'],
      [1, 'embedding'],
    ]);
    expect(decoded.data[0]?.embedding).toHaveLength(16);
    expect(decoded.data.map(({ embedding }) => embedding)).toEqual(plain.data.map(({ embedding }) => embedding));
    expect(decoded.data[0]?.embedding).not.toEqual(decoded.data[1]?.embedding);
    expect(decoded.usage.total_tokens).toBeGreaterThan(0);
  });

  it('raises a typed error for a tier, which stands for chat models', async () => {
    const error = await raised(client.embeddings.create({ model: 'premium', input: 'one' }));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({
      code: 'invalid_value',
      param: 'model',
      requestID: expect.stringMatching(REQUEST_ID),
    });
  });

  /** The last body that the upstream was sent. */
  async function upstreamBody(): Promise<unknown> {
    return (await fetch(`${system.upstream.origin}/sim/requests/last`)).json();
  }
});

describe('openai for Node: legacy completions', () => {
  it('says the same streamed and not', async () => {
    const request = { model: MODEL, prompt: ['Once', 'Twice'], sim: { text_seed: 3 } };
    const whole = await client.completions.create(request);
    const stream = await client.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    const texts = ['', ''];
    let usage: OpenAI.CompletionUsage | null = null;
    for await (const chunk of stream) {
      for (const { index, text } of chunk.choices) texts[index] += text;
      usage = chunk.usage ?? usage;
    }
    expect(whole).toMatchObject({ object: 'text_completion', model: MODEL_THAT_ANSWERS });
    expect(whole.choices.map(({ index, finish_reason }) => [index, finish_reason])).toEqual([
      [0, 'stop'],
      [1, 'stop'],
    ]);
    expect(texts).toEqual(whole.choices.map(({ text }) => text));
    expect(texts[0]?.split(' ')).toHaveLength(WORDS);
    expect(whole.usage?.completion_tokens).toBe(2 * WORDS);
    expect(usage).toMatchObject({
      prompt_tokens: whole.usage?.prompt_tokens,
      completion_tokens: whole.usage?.completion_tokens,
    });
    expect(whole._request_id).toMatch(REQUEST_ID);
  });

  it('raises a typed error for what chat models cannot do', async () => {
    const error = await raised(client.completions.create({ model: MODEL, prompt: 'Once', suffix: 'the end' }));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ code: 'unsupported_parameter', param: 'suffix' });
  });
});
