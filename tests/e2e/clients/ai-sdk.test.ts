import { createOpenAI } from '@ai-sdk/openai';
import {
  APICallError,
  embedMany,
  generateObject,
  generateText,
  isStepCount,
  type LanguageModel,
  Output,
  streamText,
  tool,
} from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type System, startSystem } from '../../support/system.ts';
import {
  BREAKING_MODEL,
  BROKEN,
  EMBEDDING_MODEL,
  MODEL,
  MODEL_THAT_ANSWERS,
  QUESTION,
  REQUEST_ID,
  raised,
  SAME_TEXT,
  SLOWLY,
  TOLD_WEATHER,
  TOOL_MODEL,
  Verdict,
  WEATHER,
  WEATHER_ARGUMENTS,
  Weather,
  WORDS,
  weatherIn,
  YES,
} from './scenarios.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

/** It asks for usage when it streams: what the simulator says must not depend on the request. */
function provider({ apiKey = system.key, sim = SAME_TEXT }: { apiKey?: string; sim?: Record<string, number> } = {}) {
  return createOpenAI({
    apiKey,
    baseURL: `${system.origin}/v1`,
    fetch: (url, init) => fetch(url, { ...init, body: JSON.stringify({ ...JSON.parse(String(init?.body)), sim }) }),
  });
}

/** Its two ways of asking a chat model: the first is what `provider(id)` is. */
const APIS: [string, (id: string, sim?: Record<string, number>) => LanguageModel][] = [
  ['responses', (id, sim = SAME_TEXT) => provider({ sim })(id)],
  ['chat completions', (id, sim = SAME_TEXT) => provider({ sim }).chat(id)],
];

/** Reads a stream to its end: what was said, what errors were told, and how it says that it ended. */
async function readToEnd(model: LanguageModel) {
  const errors: unknown[] = [];
  const onError = ({ error }: { error: unknown }) => void errors.push(error);
  const result = streamText({ model, prompt: QUESTION, onError });
  let text = '';
  for await (const delta of result.textStream) text += delta;
  return { text, errors, finishReason: await result.finishReason };
}

describe.each(APIS)('the AI SDK: %s', (_, model) => {
  it('says the same streamed and not', async () => {
    const whole = await generateText({ model: model(MODEL), prompt: QUESTION });
    const result = streamText({ model: model(MODEL), prompt: QUESTION });
    let text = '';
    for await (const delta of result.textStream) text += delta;
    expect(text).toBe(whole.text);
    expect(text.split(' ')).toHaveLength(WORDS);
    expect(whole.finishReason).toBe('stop');
    expect(await result.finishReason).toBe('stop');
    expect(whole.usage.outputTokens).toBe(WORDS);
    expect(whole.usage.inputTokens).toBeGreaterThan(0);
    expect((await result.usage).outputTokens).toBe(WORDS);
    expect((await result.usage).inputTokens).toBeGreaterThan(0);
    expect(whole.finalStep.response).toMatchObject({
      modelId: MODEL_THAT_ANSWERS,
      headers: { 'x-request-id': expect.stringMatching(REQUEST_ID) },
    });
  });

  it.each([false, true])('takes two steps with a tool of the client, stream: %s', async (streamed) => {
    const called: unknown[] = [];
    const weather = tool({
      description: WEATHER.description,
      inputSchema: Weather,
      execute: (input) => {
        called.push(input);
        return weatherIn(input);
      },
    });
    const request = { model: model(TOOL_MODEL), prompt: QUESTION, tools: { weather }, stopWhen: isStepCount(2) };
    const result = streamed ? streamText(request) : await generateText(request);
    const steps = await result.steps;
    expect(called).toEqual([WEATHER_ARGUMENTS]);
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'stop']);
    expect(steps[0]?.toolCalls).toMatchObject([{ toolName: 'weather', input: WEATHER_ARGUMENTS }]);
    expect(await result.text).toMatch(TOLD_WEATHER);
    const outputs = steps.map(({ usage }) => usage.outputTokens ?? 0);
    expect(Math.min(...outputs)).toBeGreaterThan(0);
    expect((await result.usage).outputTokens).toBe(outputs.reduce((sum, one) => sum + one));
  });

  it('parses structured output, streamed and not', async () => {
    const request = { model: model(MODEL), prompt: QUESTION, output: Output.object({ schema: Verdict }) };
    expect((await generateText(request)).output).toEqual(YES);
    expect(await streamText(request).output).toEqual(YES);
    expect((await generateObject({ model: model(MODEL), prompt: QUESTION, schema: Verdict })).object).toEqual(YES);
  });

  it('raises an APICallError with our envelope and request id', async () => {
    const error = await raised(generateText({ model: model(MODEL), prompt: QUESTION, topP: 9, maxRetries: 0 }));
    expect(APICallError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({
      statusCode: 400,
      isRetryable: false,
      message: expect.stringContaining("Invalid 'top_p'"),
      data: { error: { code: 'decimal_above_max_value', param: 'top_p', type: 'invalid_request_error' } },
      responseHeaders: { 'x-request-id': expect.stringMatching(REQUEST_ID) },
    });
  });

  it('reports an error when a stream breaks', async () => {
    const { text, errors, finishReason } = await readToEnd(model(BREAKING_MODEL, SLOWLY));
    expect(text).not.toBe('');
    expect(errors).toMatchObject([BROKEN]);
    expect(finishReason).toBe('error');
  });

  // The forms in which OpenRouter tells of a provider that failed after it began.
  it.each(['error-mid-stream', 'error-mid-stream-empty-choices', 'error-mid-stream-bare'])(
    'reports an error that the upstream tells: %s',
    async (fault) => {
      const { text, errors, finishReason } = await readToEnd(model(`sim/${fault}`, SLOWLY));
      expect(text).not.toBe('');
      expect(errors).toHaveLength(1);
      expect(finishReason).toBe('error');
    },
  );
});

describe('the AI SDK: beyond', () => {
  it('raises an APICallError for a key that is none', async () => {
    const error = await raised(
      generateText({ model: provider({ apiKey: 'sk-nobody' })(MODEL), prompt: QUESTION, maxRetries: 0 }),
    );
    expect(APICallError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ statusCode: 401, data: { error: { code: 'invalid_api_key' } } });
  });

  it('embeds many', async () => {
    const { embeddings, usage } = await embedMany({
      model: provider().embedding(EMBEDDING_MODEL),
      values: ['one', 'two', 'one'],
      providerOptions: { openai: { dimensions: 16 } },
    });
    expect(embeddings.map(({ length }) => length)).toEqual([16, 16, 16]);
    expect(embeddings[0]).toEqual(embeddings[2]);
    expect(embeddings[0]).not.toEqual(embeddings[1]);
    expect(usage.tokens).toBeGreaterThan(0);
  });

  it('says the same in legacy completions streamed and not', async () => {
    const request = { model: provider().completion(MODEL), prompt: QUESTION };
    const whole = await generateText(request);
    const streamed = streamText(request);
    expect(await streamed.text).toBe(whole.text);
    expect(whole.text.split(' ')).toHaveLength(WORDS);
    expect(whole.usage.outputTokens).toBe(WORDS);
    expect((await streamed.usage).outputTokens).toBe(WORDS);
  });
});
