import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Recording, readRecording, recordedText } from '../../load/upstream/recordings.ts';
import { EXTRAS, type Extra } from '../support/contract-extras.ts';
import { openAiSpec } from '../support/openai-spec.ts';
import { RECORDINGS, RECORDINGS_DIR, WITH_RECORDINGS } from '../support/recordings.ts';
import { type System, startSystem } from '../support/system.ts';

type Body = Record<string, unknown>;

const spec = openAiSpec();
const seen = new Set<Extra>();

/** What breaks an official schema beyond what is known to. */
function violations(schema: string, value: unknown): string[] {
  const found = spec?.validator(schema)(value) ?? [];
  return found.filter((line) => {
    const known = EXTRAS.filter((extra) => extra.schema === schema && extra.violation.test(line));
    for (const extra of known) seen.add(extra);
    return known.length === 0;
  });
}

/** The JSON of each event. */
function eventsOf(text: string): Body[] {
  const data = text.split(/\r?\n/).filter((line) => /^data: ?\{/.test(line));
  return data.map((line) => JSON.parse(line.slice(5)) as Body);
}

describe('docs/contract.md', () => {
  it('says in what answers differ from OpenAI’s schemas, and why', async () => {
    const rows = EXTRAS.map(({ schema, what, why, seen: where }) => {
      const source = where === 'recorded' ? "OpenRouter's answers" : 'our answers';
      return `| \`${schema}\` | ${what} | ${why} | ${source} |`;
    });
    const table = `# What differs from OpenAI's API description

Every kind of answer, chunk and error that clients get is validated against OpenAI's own OpenAPI description by \`tests/e2e/contract.test.ts\`: the gateway's, and recorded ones of OpenRouter, which the relay lane passes on to the byte. Fields that OpenAI does not have (\`provider\`, \`native_finish_reason\`, \`reasoning\`, \`reasoning_details\`, \`usage.cost\`, …) are allowed by its schemas. What breaks them is this:

| schema | what | why | seen in |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
    await expect(table).toMatchFileSnapshot('../../docs/contract.md');
  });
});

const recorded = RECORDINGS.flatMap((file): { file: string; recording: Recording }[] => {
  const recording = readRecording(RECORDINGS_DIR, file);
  const chat = recording?.request.url.includes('openrouter.ai') && recording.request.url.includes('/chat/completions');
  return recording && chat && recording.response.status === 200 ? [{ file, recording }] : [];
});

describe.skipIf(!spec || recorded.length === 0)(`OpenRouter’s chat completions, by ${WITH_RECORDINGS}`, () => {
  it.each(recorded)('are OpenAI’s but for what is listed: $file', ({ recording }) => {
    const text = recordedText(recording);
    if (text.trimStart().startsWith('{')) {
      expect(violations('CreateChatCompletionResponse', JSON.parse(text))).toEqual([]);
    } else {
      const chunks = eventsOf(text).filter(({ error }) => !error);
      expect(chunks.flatMap((chunk) => violations('CreateChatCompletionStreamResponse', chunk))).toEqual([]);
    }
  });

  it('differ in no fewer ways than are listed', () => {
    expect(EXTRAS.filter((extra) => extra.seen === 'recorded' && !seen.has(extra))).toEqual([]);
  });
});

const MESSAGES = [{ role: 'user', content: 'Hello' }];
const TOOL = { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } };
const MODEL = 'openai/gpt-4o-mini';
const GATEWAY = { tools: [{ type: 'gateway:calculator' }], sim: { tool_arguments: { expression: '1 + 1' } } };

const CHATS: Record<string, Body> = {
  words: { messages: MESSAGES },
  'several choices': { messages: MESSAGES, n: 2 },
  reasoning: { messages: MESSAGES, reasoning: { effort: 'low' } },
  'calls of tools': { messages: MESSAGES, tools: [{ type: 'function', function: TOOL }], tool_choice: 'required' },
  'an answer with tools of the gateway': { messages: MESSAGES, tool_choice: 'required', ...GATEWAY },
  'calls of the client’s tools beside those of the gateway': {
    model: 'sim/mixed-tools',
    messages: MESSAGES,
    ...GATEWAY,
    tools: [...GATEWAY.tools, { type: 'function', function: TOOL }],
  },
};

describe.skipIf(!spec)('the gateway’s answers are OpenAI’s', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(() => system.stop());

  async function send(path: string, body: Body | null, key = system.key, method = body ? 'POST' : 'GET') {
    const response = await fetch(system.origin + path, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify({ model: MODEL, ...body }) }),
    });
    return { status: response.status, text: await response.text() };
  }
  const whole = async (path: string, body: Body | null = null, key?: string) =>
    JSON.parse((await send(path, body, key)).text) as Body;
  const streamed = async (path: string, body: Body) => eventsOf((await send(path, { ...body, stream: true })).text);

  it.each(Object.entries(CHATS))('for a chat completion of %s, whole and streamed', async (_, body) => {
    expect(violations('CreateChatCompletionResponse', await whole('/v1/chat/completions', body))).toEqual([]);
    for (const include_usage of [true, false]) {
      const chunks = await streamed('/v1/chat/completions', { ...body, stream_options: { include_usage } });
      expect(chunks.length).toBeGreaterThan(3);
      expect(chunks.flatMap((chunk) => violations('CreateChatCompletionStreamResponse', chunk))).toEqual([]);
    }
  });

  it('for legacy completions, whole and streamed', async () => {
    const body = { prompt: ['one', 'two'], n: 2, echo: true, stream_options: { include_usage: true } };
    expect(violations('CreateCompletionResponse', await whole('/v1/completions', body))).toEqual([]);
    const chunks = await streamed('/v1/completions', body);
    expect(chunks.length).toBeGreaterThan(3);
    expect(chunks.flatMap((chunk) => violations('CreateCompletionResponse', chunk))).toEqual([]);
  });

  it.each<[string, Body]>([
    ['words', {}],
    ['reasoning', { model: 'sim/reasoning' }],
    ['calls of tools', { tools: [{ type: 'function', ...TOOL }], tool_choice: 'required' }],
    ['what is cut short', { max_output_tokens: 3 }],
  ])('for responses of %s, whole and streamed', async (_, body) => {
    expect(violations('Response', await whole('/v1/responses', { input: 'Hello', ...body }))).toEqual([]);
    const events = await streamed('/v1/responses', { input: 'Hello', ...body });
    expect(events.length).toBeGreaterThan(5);
    expect(events.flatMap((event) => violations('ResponseStreamEvent', event))).toEqual([]);
  });

  it('for embeddings', async () => {
    for (const encoding_format of ['float', 'base64']) {
      const body = { model: 'openai/text-embedding-3-small', input: ['a', 'b'], encoding_format };
      expect(violations('CreateEmbeddingResponse', await whole('/v1/embeddings', body))).toEqual([]);
    }
  });

  it('for models', async () => {
    expect(violations('ListModelsResponse', await whole('/v1/models'))).toEqual([]);
    expect(violations('Model', await whole(`/v1/models/${MODEL}`))).toEqual([]);
  });

  it('for an organization’s usage and costs', async () => {
    const admin = await system.createKey('contract-admin', { permissions: ['admin'] });
    const query = '?start_time=0&group_by=model';
    const usage = await whole(`/v1/organization/usage/completions${query}`, null, admin);
    expect(violations('UsageResponse', usage)).toEqual([]);
    const costs = await whole('/v1/organization/costs?start_time=0&group_by=line_item', null, admin);
    expect(violations('UsageResponse', costs)).toEqual([]);
  });

  it.each<[string, string, Body | null, string | undefined, number]>([
    ['no key', '/v1/models', null, '', 401],
    ['a key that is none', '/v1/models', null, 'sk-nobody', 401],
    ['a request that is none', '/v1/chat/completions', { messages: [] }, undefined, 400],
    ['a model that is none', '/v1/responses', { model: 'nobody/nothing', input: 'x' }, undefined, 404],
    ['a path that is none', '/v1/nothing', {}, undefined, 404],
    ['tokens as a prompt', '/v1/completions', { prompt: [1] }, undefined, 400],
    ['an upstream that is down', '/v1/embeddings', { model: 'sim/status-503/contract', input: 'x' }, undefined, 503],
  ])('for errors: %s', async (_, path, body, key, status) => {
    const answer = await send(path, body, key);
    expect(answer.status).toBe(status);
    expect(violations('ErrorResponse', JSON.parse(answer.text))).toEqual([]);
  });

  it('for the event with which a Responses stream ends that breaks off', async () => {
    const events = await streamed('/v1/responses', {
      model: 'sim/die-mid-stream/contract',
      input: 'x',
      sim: { gap_ms: 5 },
    });
    expect(events.at(-1)?.type).toBe('error');
    expect(violations('ResponseErrorEvent', events.at(-1))).toEqual([]);
  });

  it('but for what is listed, all of which occurs', () => {
    expect(EXTRAS.filter((extra) => extra.seen === 'own' && !seen.has(extra))).toEqual([]);
  });
});
