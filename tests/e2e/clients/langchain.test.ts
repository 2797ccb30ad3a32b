import { type AIMessageChunk, type BaseMessage, HumanMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, ChatOpenAICompletions, OpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { APIError, AuthenticationError, BadRequestError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type System, startSystem } from '../../support/system.ts';
import {
  BREAKING_MODEL,
  BROKEN,
  CALCULATOR,
  EMBEDDING_MODEL,
  MODEL,
  MODEL_THAT_ANSWERS,
  QUESTION,
  REQUEST_ID,
  raised,
  SAME_TEXT,
  SLOWLY,
  SUM,
  TOLD_SUM,
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

/** How it finds the gateway. It asks for usage when it streams, so that the words must not depend on the request. */
const connection = () => ({
  apiKey: system.key,
  configuration: { baseURL: `${system.origin}/v1` },
  maxRetries: 0,
});
type ChatFields = ConstructorParameters<typeof ChatOpenAI>[0] & object;
const chat = (model: string, fields: ChatFields = {}) =>
  new ChatOpenAI({ ...connection(), model, modelKwargs: { sim: SAME_TEXT }, ...fields });

/** All chunks of a stream as one. */
async function joined(stream: AsyncIterable<AIMessageChunk>): Promise<{ chunks: number; all: AIMessageChunk }> {
  const chunks: AIMessageChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { chunks: chunks.length, all: chunks.reduce((all, chunk) => all.concat(chunk)) };
}

const weather = tool(async (input) => weatherIn(input), {
  name: WEATHER.name,
  description: WEATHER.description,
  schema: Weather,
});

describe.each([
  ['chat completions', false],
  ['responses', true],
])('LangChain: %s', (_, useResponsesApi) => {
  it('says the same invoked and streamed', async () => {
    const model = chat(MODEL, { useResponsesApi });
    const whole = await model.invoke(QUESTION);
    const { chunks, all } = await joined(await model.stream(QUESTION));
    expect(whole.text.split(' ')).toHaveLength(WORDS);
    expect(all.text).toBe(whole.text);
    expect(chunks).toBeGreaterThanOrEqual(WORDS);
    for (const message of [whole, all]) {
      expect(message.usage_metadata).toMatchObject({
        output_tokens: WORDS,
        input_tokens: expect.toSatisfy((tokens) => tokens > 0),
      });
    }
    expect(whole.response_metadata.model_name).toBe(MODEL_THAT_ANSWERS);
  });

  it.each([false, true])('binds a tool and brings its result back, stream: %s', async (stream) => {
    const model = chat(TOOL_MODEL, { useResponsesApi }).bindTools([weather]);
    const ask = async (messages: BaseMessage[]) =>
      stream ? (await joined(await model.stream(messages))).all : model.invoke(messages);
    const messages: BaseMessage[] = [new HumanMessage(QUESTION)];
    const first = await ask(messages);
    expect(first.tool_calls).toMatchObject([{ name: 'weather', args: WEATHER_ARGUMENTS, type: 'tool_call' }]);
    const [call] = first.tool_calls ?? [];
    if (!call) throw new Error('It did not call the tool.');
    messages.push(first, await weather.invoke({ ...call, type: 'tool_call' }));
    const second = await ask(messages);
    expect(second.text).toMatch(TOLD_WEATHER);
    expect(second.tool_calls ?? []).toEqual([]);
  });

  it('parses structured output', async () => {
    const model = chat(MODEL, { useResponsesApi });
    expect(await model.withStructuredOutput(Verdict, { method: 'jsonSchema', strict: true }).invoke(QUESTION)).toEqual(
      YES,
    );
    const caller = chat(MODEL, { useResponsesApi, modelKwargs: { sim: { tool_arguments: YES } } });
    const called = await caller.withStructuredOutput(Verdict, { method: 'functionCalling' }).invoke(QUESTION);
    expect(called).toEqual(YES);
  });

  it('raises the typed errors of the SDK beneath', async () => {
    const error = await raised(chat(MODEL, { useResponsesApi, temperature: 9 }).invoke(QUESTION));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({
      status: 400,
      code: 'decimal_above_max_value',
      param: 'temperature',
      requestID: expect.stringMatching(REQUEST_ID),
    });
    const refused = await raised(chat(MODEL, { useResponsesApi, apiKey: 'sk-nobody' }).invoke(QUESTION));
    expect(refused).toBeInstanceOf(AuthenticationError);
    expect(refused).toMatchObject({ code: 'invalid_api_key', lc_error_code: 'MODEL_AUTHENTICATION' });
  });

  it('raises when a stream breaks', async () => {
    const model = chat(BREAKING_MODEL, { useResponsesApi, modelKwargs: { sim: SLOWLY } });
    const error = await raised(joined(await model.stream(QUESTION)));
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject(BROKEN);
  });
});

describe('LangChain: beyond', () => {
  it('binds a tool that the gateway runs', async () => {
    // Not ChatOpenAI, which goes to Responses as soon as it sees a tool that is no function.
    const completions = new ChatOpenAICompletions({ ...connection(), model: TOOL_MODEL, modelKwargs: { sim: SUM } });
    const model = completions.bindTools([CALCULATOR]);
    const whole = await model.invoke(QUESTION);
    expect(whole.text).toMatch(TOLD_SUM);
    expect(whole.tool_calls).toEqual([]);
    expect((await joined(await model.stream(QUESTION))).all.text).toMatch(TOLD_SUM);
  });

  it('embeds documents and queries', async () => {
    const embeddings = new OpenAIEmbeddings({ ...connection(), model: EMBEDDING_MODEL, dimensions: 16 });
    const [one, two] = await embeddings.embedDocuments(['one', 'two']);
    expect(one).toHaveLength(16);
    expect(one).not.toEqual(two);
    expect(await embeddings.embedQuery('one')).toEqual(one);
  });

  it('says the same in legacy completions invoked and streamed', async () => {
    const model = new OpenAI({ ...connection(), model: MODEL, modelKwargs: { sim: SAME_TEXT } });
    const whole = await model.invoke(QUESTION);
    let text = '';
    for await (const piece of await model.stream(QUESTION)) text += piece;
    expect(whole.split(' ')).toHaveLength(WORDS);
    expect(text).toBe(whole);
  });
});
