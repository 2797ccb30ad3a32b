import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPENAI_FOR_PYTHON, PYTHON } from '../../support/python.ts';
import { type System, startSystem } from '../../support/system.ts';
import {
  BROKEN,
  MODEL_THAT_ANSWERS,
  REQUEST_ID,
  TOLD_SUM,
  TOLD_WEATHER,
  WEATHER_ARGUMENTS,
  WORDS,
  YES,
} from './scenarios.ts';

const SCRIPT = 'tests/e2e/clients/openai_client.py';

describe.skipIf(!OPENAI_FOR_PYTHON)(`openai ${OPENAI_FOR_PYTHON} for Python`, () => {
  let system: System;
  let results: Map<string, Result>;
  beforeAll(async () => {
    system = await startSystem();
    results = await runScenarios(system);
  });
  afterAll(() => system.stop());

  /** What the client made of a scenario; its traceback where it failed. */
  const resultOf = (scenario: string) => {
    const { result, failure = 'It did not run.' } = results.get(scenario) ?? {};
    if (!result) throw new Error(failure);
    return result;
  };

  it('says the same streamed, streamed asynchronously and not', () => {
    const whole = resultOf('chat');
    expect(words(whole.text)).toBe(WORDS);
    expect(resultOf('chat_stream')).toMatchObject({ text: whole.text, usage: { completion_tokens: WORDS } });
    expect(resultOf('chat_stream_async')).toEqual({ text: whole.text });
    expect(whole).toMatchObject({
      finish_reason: 'stop',
      model: MODEL_THAT_ANSWERS,
      usage: { prompt_tokens: expect.toSatisfy((tokens) => tokens > 0), completion_tokens: WORDS },
      request_id: expect.stringMatching(REQUEST_ID),
    });
  });

  it.each(['chat_tools', 'chat_tools_stream'])('gives a tool of the client its turn: %s', (scenario) => {
    expect(resultOf(scenario)).toEqual({
      finish_reasons: ['tool_calls', 'stop'],
      name: 'weather',
      arguments: WEATHER_ARGUMENTS,
      text: expect.stringMatching(TOLD_WEATHER),
    });
  });

  it('parses structured output, streamed and not', () => {
    expect(resultOf('chat_structured')).toEqual({ parsed: [YES, YES], type: 'Verdict' });
  });

  it('answers with a tool that the gateway runs, streamed and not', () => {
    const told = expect.stringMatching(TOLD_SUM);
    expect(resultOf('chat_gateway_tool')).toEqual({ texts: [told, told] });
  });

  it('raises typed errors with our code and request id', () => {
    const request_id = expect.stringMatching(REQUEST_ID);
    expect(resultOf('chat_errors')).toMatchObject({
      invalid: {
        type: 'BadRequestError',
        status: 400,
        code: 'decimal_above_max_value',
        param: 'temperature',
        message: expect.stringContaining("Invalid 'temperature'"),
        request_id,
      },
      stranger: { type: 'AuthenticationError', status: 401, code: 'invalid_api_key', request_id },
      broken: { type: 'APIError', ...BROKEN },
    });
  });

  it('says the same in responses streamed and not', () => {
    const { texts, ...rest } = resultOf('responses');
    const [whole] = texts as string[];
    expect(words(whole)).toBe(WORDS);
    expect(texts).toEqual([whole, whole, whole]);
    const usage = { input_tokens: expect.toSatisfy((tokens) => tokens > 0), output_tokens: WORDS };
    expect(rest).toMatchObject({
      status: ['completed', 'completed'],
      usages: [usage, usage],
      request_id: expect.stringMatching(REQUEST_ID),
    });
  });

  it('gives a tool of the client its turn in responses', () => {
    const text = expect.stringMatching(TOLD_WEATHER);
    expect(resultOf('responses_tools')).toEqual({ name: 'weather', arguments: WEATHER_ARGUMENTS, text });
  });

  it('parses structured output of responses', () => {
    expect(resultOf('responses_structured')).toEqual({ parsed: YES, type: 'Verdict' });
  });

  it('raises typed errors of responses', () => {
    expect(resultOf('responses_errors')).toMatchObject({
      stateful: { type: 'BadRequestError', code: 'unsupported_parameter', param: 'previous_response_id' },
      broken: { type: 'APIError', ...BROKEN },
    });
  });

  it('reads the same vectors from base64, its default, as from numbers', () => {
    const { decoded, plain, tokens } = resultOf('embeddings');
    const [one, two] = decoded as number[][];
    expect(decoded).toEqual(plain);
    expect(one).toHaveLength(16);
    expect(one).not.toEqual(two);
    expect(tokens).toBeGreaterThan(0);
  });

  it('says the same in legacy completions streamed and not', () => {
    const { texts, usage } = resultOf('completions');
    const [whole, streamed] = texts as string[];
    expect(words(whole)).toBe(WORDS);
    expect(streamed).toBe(whole);
    expect(usage).toMatchObject({ completion_tokens: WORDS });
  });
});

/** A line of the script. */
interface Result {
  scenario: string;
  result?: Record<string, unknown>;
  failure?: string;
}

/** Runs the script against a system. Its lines by scenario. */
async function runScenarios({ origin, key }: System): Promise<Map<string, Result>> {
  const env = { ...process.env, OPENAI_BASE_URL: `${origin}/v1`, OPENAI_API_KEY: key, PYTHONDONTWRITEBYTECODE: '1' };
  const child = spawn(PYTHON, [SCRIPT], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  await once(child, 'close');
  const lines = output.trim().split('\n').filter(Boolean);
  return new Map(lines.map((line) => JSON.parse(line) as Result).map((result) => [result.scenario, result]));
}

function words(text: unknown): number {
  return String(text).split(' ').length;
}
