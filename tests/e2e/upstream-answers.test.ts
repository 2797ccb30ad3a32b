import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SimulatedUpstream, startUpstream } from '../../load/upstream/server.ts';

let upstream: SimulatedUpstream;
let client: OpenAI;
beforeAll(async () => {
  upstream = await startUpstream();
  client = new OpenAI({ apiKey: 'sk-any', baseURL: upstream.url, maxRetries: 0 });
});
afterAll(() => upstream.close());

const headers = { authorization: 'Bearer sk-any', 'content-type': 'application/json' };
const post = (path: string, body: object) =>
  fetch(upstream.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
const json = async (path: string, body: object) => (await (await post(path, body)).json()) as Record<string, unknown>;

interface SentUsage {
  input_tokens: number;
  output_tokens: number;
  cost: number;
}

/** The last response object that a stream tells of. */
function lastResponse(stream: string) {
  const events = stream.split('\n\n').flatMap((event) => /^data: (\{.*)$/m.exec(event)?.[1] ?? []);
  const told = events.map((data) => JSON.parse(data) as { response?: { status: string; usage?: SentUsage } });
  return told.findLast(({ response }) => response)?.response;
}

describe('the simulated Responses API', () => {
  it('is read by the official SDK, whole and streamed', async () => {
    const request = { model: 'sim/reasoning', input: 'Hello', instructions: 'Be brief.' };
    const whole = await client.responses.create(request);
    expect(whole.output.map(({ type }) => type)).toEqual(['reasoning', 'message']);
    expect(whole.output_text.split(' ')).toHaveLength(20);
    const streamed = await client.responses.stream(request).finalResponse();
    expect(streamed.output_text).toBe(whole.output_text);
    expect(streamed.status).toBe('completed');
  });

  it('books the tokens and the cost that it tells', async () => {
    const text = await (await post('/responses', { model: 'openai/gpt-5-mini', input: 'Hello', stream: true })).text();
    const usage = lastResponse(text)?.usage;
    const entry = upstream.account.entries.at(-1);
    expect([entry?.prompt_tokens, entry?.completion_tokens]).toEqual([usage?.input_tokens, usage?.output_tokens]);
    expect(entry?.cost_nano_usd).toBe(Math.round((usage?.cost ?? 0) * 1e9));
    expect(text).toContain(': OPENROUTER PROCESSING');
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  it('calls functions, leaves other tools alone, and repeats what they said', async () => {
    const tool = { type: 'function' as const, name: 'weather', parameters: {}, strict: null };
    const tools = [{ type: 'web_search' as const }, tool];
    const sim = { tool_arguments: { city: 'Basel' } };
    const asked = await client.responses.create({ model: 'sim/any', input: 'Hello', tools, ...{ sim } });
    const call = asked.output[0];
    expect(call).toMatchObject({ type: 'function_call', name: 'weather', arguments: '{"city":"Basel"}' });
    const output = { type: 'function_call_output' as const, call_id: 'call_1', output: 'rain' };
    const input = [{ role: 'user' as const, content: 'Hello' }, ...(call ? [call] : []), output];
    const answer = await client.responses.create({ model: 'sim/any', input: input as never, tools });
    expect(answer.output_text).toMatch(/^The tool said rain\. /);
  });

  it('fails in its own ways', async () => {
    const end = async (fault: string) => {
      const text = await (await post('/responses', { model: `sim/${fault}`, input: 'Hello', stream: true })).text();
      const names = [...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name);
      return { text, names, last: names.at(-1), usage: text.includes('"usage"'), done: text.includes('[DONE]') };
    };
    expect((await end('error-first-event')).names).toEqual(['error']);
    expect(await end('error-mid-stream')).toMatchObject({ last: 'response.failed', usage: false, done: true });
    expect(upstream.account.entries.at(-1)).toMatchObject({ completion_tokens: 10, billed: true });
    expect((await end('error-mid-stream-empty-choices')).last).toBe('error');
    expect((await end('error-mid-stream-bare')).text).toContain('data: {"error":{"code":502');
    const billed = await end('error-mid-stream-usage');
    expect(billed).toMatchObject({ last: 'response.failed', usage: true, done: false });
    expect(upstream.account.entries.at(-1)?.completion_tokens).toBe(lastResponse(billed.text)?.usage?.output_tokens);
    expect(await end('no-usage')).toMatchObject({ last: 'response.completed', usage: false, done: true });
    expect(await end('no-done')).toMatchObject({ last: 'response.completed', usage: true, done: false });
    expect(lastResponse((await end('any')).text)?.status).toBe('completed');
  });
});

describe('the simulated tools', () => {
  const tools = ['a', 'b', 'c'].map((name) => ({ type: 'function', function: { name } }));
  const user = { role: 'user', content: 'Hello' };
  const said = (content: string) => ({ role: 'tool', tool_call_id: 'call_1', content });
  const ask = async (model: string, messages: object[], more: object = {}) => {
    const { choices } = (await json('/chat/completions', { model, messages, tools, ...more })) as {
      choices: { message: { content: string | null; tool_calls?: { function: { name: string } }[] } }[];
    };
    const message = choices[0]?.message;
    return { says: message?.content, calls: message?.tool_calls?.map((call) => call.function.name).join('') ?? '' };
  };

  it('are called as the model has it', async () => {
    expect((await ask('sim/any', [user])).calls).toBe('a');
    expect((await ask('sim/mixed-tools', [user])).calls).toBe('abc');
    expect((await ask('sim/tool-twice', [user, said('1')])).calls).toBe('a');
    expect((await ask('sim/tool-twice', [user, said('1'), said('2')])).calls).toBe('');
    expect((await ask('sim/tool-loop', [user, said('1'), said('2')])).calls).toBe('a');
    expect((await ask('sim/tool-loop', [user], { tool_choice: 'none' })).calls).toBe('');
  });

  it('are announced where a request says so, and heard', async () => {
    expect(await ask('sim/any', [user], { sim: { say: 'Wait.' } })).toEqual({ says: 'Wait.', calls: 'a' });
    expect((await ask('sim/any', [user, said('1'), said('2')])).says).toMatch(/^The tool said 1\. The tool said 2\. /);
    const before = { role: 'assistant', content: 'The tool' };
    expect((await ask('sim/any', [user, said('1'), before])).says).toMatch(/^ said 1\. /);
  });
});

describe('the simulated embeddings', () => {
  const model = 'openai/text-embedding-3-small';
  const embed = async (input: unknown, more: object = {}) =>
    (await json('/embeddings', { model, input, ...more })) as {
      data: { embedding: number[] }[];
      usage: { prompt_tokens: number; cost: number };
    };

  it('say the same in both encodings, at any length', async () => {
    for (const dimensions of [undefined, 3]) {
      const request = { model, input: ['a', 'b'], ...(dimensions && { dimensions }) };
      // The SDK asks for base64 where it is told nothing, and decodes it.
      const packed = await client.embeddings.create(request);
      const plain = await client.embeddings.create({ ...request, encoding_format: 'float' });
      expect(packed.data).toEqual(plain.data);
      expect(plain.data.map(({ embedding }) => embedding.length)).toEqual(dimensions ? [3, 3] : [8, 8]);
    }
  });

  it('take text and tokens, one or several', async () => {
    const count = async (input: unknown) => (await embed(input)).data.length;
    expect([await count('a'), await count(['a', 'b'])]).toEqual([1, 2]);
    expect([await count([1, 2, 3]), await count([[1], [2, 3]])]).toEqual([1, 2]);
  });

  it('cost what their tokens cost', async () => {
    const { usage } = await embed('a'.repeat(500));
    expect(usage.cost).toBeCloseTo(usage.prompt_tokens * 0.00000002, 12);
    const entry = upstream.account.entries.at(-1);
    expect(entry).toMatchObject({ prompt_tokens: usage.prompt_tokens, completion_tokens: 0, cached_tokens: 0 });
  });

  it('have models of their own', async () => {
    const list = async (path: string) => {
      const { data } = (await (await fetch(upstream.url + path, { headers })).json()) as { data: { id: string }[] };
      return data.map(({ id }) => id);
    };
    expect(await list('/embeddings/models')).toContain(model);
    expect([...(await list('/models')), ...(await list('/models?page=2'))]).not.toContain(model);
    const hello = [{ role: 'user', content: 'Hello' }];
    expect((await post('/chat/completions', { model, messages: hello })).status).toBe(404);
    expect((await post('/embeddings', { model: 'openai/gpt-5-mini', input: 'a' })).status).toBe(404);
  });
});
