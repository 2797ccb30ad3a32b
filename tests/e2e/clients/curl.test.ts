import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type System, startSystem } from '../../support/system.ts';
import {
  BREAKING_MODEL,
  BROKEN,
  CALCULATOR,
  HELLO,
  MODEL,
  MODEL_THAT_ANSWERS,
  QUESTION,
  REQUEST_ID,
  SLOWLY,
  SUM,
  TOLD_SUM,
  TOLD_WEATHER,
  TOOL_MODEL,
  VERDICT_FORMAT,
  WEATHER_ARGUMENTS,
  WEATHER_TOOL,
  WORDS,
  weatherIn,
  YES,
} from './scenarios.ts';

const probe = spawnSync('curl', ['--version'], { encoding: 'utf8' });
const present = probe.status === 0;
if (!present) console.log('Skipped: curl is not there.');

/** Far enough apart to be told from one another on a busy machine. */
const GAP_MS = 50;

describe.skipIf(!present)('curl', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(() => system.stop());

  const post = (body: unknown, path = '/v1/chat/completions', key = system.key) =>
    curl(system.origin + path, key, JSON.stringify(body));

  it('says the same streamed and not', async () => {
    const request = { model: MODEL, messages: HELLO };
    const whole = await post(request);
    expect(whole.status).toBe(200);
    expect(whole.headers['content-type']).toMatch(/^application\/json/);
    expect(whole.headers['x-request-id']).toMatch(REQUEST_ID);
    const answer = JSON.parse(whole.body);
    expect(answer).toMatchObject({ model: MODEL_THAT_ANSWERS, usage: { completion_tokens: WORDS } });
    expect(answer.usage.prompt_tokens).toBeGreaterThan(0);

    const streamed = await post({ ...request, stream: true });
    expect(streamed.status).toBe(200);
    expect(streamed.headers['content-type']).toMatch(/^text\/event-stream/);
    expect(streamed.headers['x-request-id']).toMatch(REQUEST_ID);
    expect(streamed.headers['x-request-id']).not.toBe(whole.headers['x-request-id']);
    expect(textOf(streamed.body)).toBe(answer.choices[0].message.content);
    expect(eventsOf(streamed.body).at(-1)).toBe('[DONE]');
  });

  it('gets events as they come', async () => {
    const { body, arrivals } = await post({ model: MODEL, messages: HELLO, stream: true, sim: { gap_ms: GAP_MS } });
    expect(textOf(body).split(' ')).toHaveLength(WORDS);
    expect(arrivals.length).toBeGreaterThan(WORDS / 2);
    expect((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan((GAP_MS * WORDS) / 2);
  });

  it('brings a tool’s result back', async () => {
    const request = { model: TOOL_MODEL, messages: HELLO, tools: [WEATHER_TOOL] };
    const [choice] = JSON.parse((await post(request)).body).choices;
    const [call] = choice.message.tool_calls;
    expect(choice.finish_reason).toBe('tool_calls');
    expect(call).toMatchObject({ type: 'function', function: { name: 'weather' } });
    const input = JSON.parse(call.function.arguments);
    expect(input).toEqual(WEATHER_ARGUMENTS);
    const result = { role: 'tool', tool_call_id: call.id, content: weatherIn(input) };
    const messages = [...HELLO, choice.message, result];
    const second = JSON.parse((await post({ ...request, messages })).body);
    expect(second.choices[0].message.content).toMatch(TOLD_WEATHER);
    expect(textOf((await post({ ...request, messages, stream: true })).body)).toMatch(TOLD_WEATHER);
  });

  it('streams an answer with a tool that the gateway runs', async () => {
    const { body } = await post({ model: TOOL_MODEL, messages: HELLO, tools: [CALCULATOR], stream: true, sim: SUM });
    expect(textOf(body)).toMatch(TOLD_SUM);
    expect(eventsOf(body).at(-1)).toBe('[DONE]');
  });

  it('gets structured output', async () => {
    const { body } = await post({ model: MODEL, messages: HELLO, response_format: VERDICT_FORMAT });
    expect(JSON.parse(JSON.parse(body).choices[0].message.content)).toEqual(YES);
  });

  it('says the same in responses streamed and not', async () => {
    const request = { model: MODEL, input: QUESTION };
    const { output } = JSON.parse((await post(request, '/v1/responses')).body);
    const { body } = await post({ ...request, stream: true }, '/v1/responses');
    const deltas = eventsOf(body)
      .filter((data) => data.includes('"response.output_text.delta"'))
      .map((data) => JSON.parse(data).delta);
    expect(deltas).toHaveLength(WORDS);
    expect(deltas.join('')).toBe(output[0].content[0].text);
    expect(body).toContain('event: response.completed\n');
  });

  it.each([
    ['a request that is none', { temperature: 9 }, {}, 400, 'decimal_above_max_value', 'temperature'],
    ['a key that is none', {}, { key: 'sk-nobody' }, 401, 'invalid_api_key', null],
    ['a stream with a key that is none', { stream: true }, { key: 'sk-nobody' }, 401, 'invalid_api_key', null],
    ['a path that is none', {}, { path: '/v1/chat' }, 404, 'unknown_url', null],
  ])(
    'gets status and envelope for %s',
    async (_, change, { path, key }: { path?: string; key?: string }, status, code, param) => {
      const answer = await post({ model: MODEL, messages: HELLO, ...change }, path, key);
      expect(answer.status).toBe(status);
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
      expect(answer.headers['x-request-id']).toMatch(REQUEST_ID);
      expect(JSON.parse(answer.body)).toEqual({
        error: { code, param, type: 'invalid_request_error', message: expect.stringMatching(/\S/) },
      });
    },
  );

  it('gets an error event when a stream breaks', async () => {
    const { status, body } = await post({ model: BREAKING_MODEL, messages: HELLO, stream: true, sim: SLOWLY });
    expect(status).toBe(200);
    expect(textOf(body)).not.toBe('');
    const [error, done] = eventsOf(body).slice(-2);
    expect(JSON.parse(error ?? '')).toMatchObject({ error: { ...BROKEN, type: 'server_error' } });
    expect(done).toBe('[DONE]');
  });
});

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
  /** When its parts came (ms). */
  arrivals: number[];
}

/** Runs curl as people do: silent, unbuffered, with the headers before the body. */
async function curl(url: string, key: string, json: string): Promise<Answer> {
  const headers = ['-H', `Authorization: Bearer ${key}`, '-H', 'Content-Type: application/json'];
  const child = spawn('curl', ['-sN', '-i', url, ...headers, '--data-binary', '@-']);
  const parts: Buffer[] = [];
  const arrivals: number[] = [];
  child.stdout.on('data', (part: Buffer) => {
    parts.push(part);
    arrivals.push(performance.now());
  });
  child.stdin.end(json);
  const [exitCode] = await once(child, 'close');
  expect(exitCode).toBe(0);
  const [head = '', ...rest] = Buffer.concat(parts).toString().split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const fields = lines
    .map((line) => /^([^:]+):\s*(.*)$/.exec(line))
    .map((field) => [field?.[1]?.toLowerCase(), field?.[2]]);
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: Object.fromEntries(fields),
    body: rest.join('\r\n\r\n'),
    arrivals,
  };
}

/** The data of a stream's events. */
function eventsOf(body: string): string[] {
  return body.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice('data: '.length)] : []));
}

/** What a chat stream says. */
function textOf(body: string): string {
  const chunks = eventsOf(body).filter((data) => data !== '[DONE]');
  return chunks.map((data) => JSON.parse(data).choices?.[0]?.delta.content ?? '').join('');
}
