import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../../api-worker/env.ts';
import { AnalyticsEvent } from '../../../shared/analytics-event.ts';
import { unpackText } from '../../../shared/packed-text.ts';
import { applySchema, createKey, env, errorOf, HELLO, post } from './support.ts';

const events: unknown[] = [];
const ANALYTICS_QUEUE = { send: async (event: unknown) => void events.push(event) } as unknown as Queue;
const ON = { ANALYTICS_QUEUE, POSTHOG_API_KEY: 'phc_of_the_tests' };
const SECRET = 'my secret';
const REQUEST = { ...HELLO, messages: [{ role: 'user', content: SECRET }] };

let key: string;
beforeAll(async () => {
  await applySchema();
  key = await createKey('analysed');
});

/** A request, and what analytics are told of it. */
async function told(
  body: object = REQUEST,
  { headers = {}, changed = {}, as = key, path = '/v1/chat/completions' } = {} as {
    headers?: Record<string, string>;
    changed?: Partial<Env>;
    as?: string;
    path?: string;
  },
) {
  const answer = await post(path, as, body, headers, { ...ON, ...changed });
  const event = AnalyticsEvent.parse(events.at(-1));
  expect(event.request_id).toBe(answer.headers.get('x-request-id'));
  return { answer, event, json: JSON.stringify(events.at(-1)) };
}

const unpack = (packed: string | null) => (packed === null ? null : unpackText(packed, 1024 * 1024));

describe('analytics are told', () => {
  it.each([
    ['/v1/chat/completions', {}],
    ['/v1/chat/completions', { stream: true }],
    ['/v1/chat/completions', { tools: [{ type: 'gateway:calculator' }], tool_choice: 'none', stream: true }],
    ['/v1/completions', { messages: undefined, prompt: SECRET }],
    ['/v1/responses', { input: SECRET, stream: true }],
    ['/v1/embeddings', { model: 'openai/text-embedding-3-small', input: [SECRET] }],
  ])('what was asked and answered at %s: %j', async (path, fields) => {
    const { answer, event } = await told({ ...REQUEST, ...fields }, { path });
    expect(await unpack(event.input)).toBe(JSON.stringify({ ...REQUEST, ...fields }));
    const output = await unpack(event.output);
    expect(output).toBe(answer.text);
    expect(event).toMatchObject({
      private: false,
      input_omitted: null,
      output_omitted: null,
      message_count: 1,
      streamed: 'stream' in fields,
      input_length: JSON.stringify({ ...REQUEST, ...fields }).length,
      output_length: answer.text.length,
    });
  });

  it('lengths alone of what is too long for a message, the longer text first', async () => {
    const random = Array.from(crypto.getRandomValues(new Uint8Array(60_000)), (byte) => byte.toString(36)).join(' ');
    const long = { ...REQUEST, messages: [{ role: 'user', content: random }] };
    const { event, answer } = await told(long);
    expect([event.input, event.input_length]).toEqual([null, JSON.stringify(long).length]);
    expect(await unpack(event.output)).toBe(answer.text);
  });

  it('of failures too, of which there is no output', async () => {
    const { event } = await told({ ...REQUEST, model: 'sim/status-403' });
    expect(event).toMatchObject({ status: 403, output: null, output_length: 0 });
    expect(await unpack(event.input)).toContain(SECRET);
  });
});

describe('no content leaves', () => {
  const lengths = { private: true, input: null, output: null, input_length: JSON.stringify(REQUEST).length };

  it.each([
    ['the request wants it so', { headers: { 'x-privacy-mode': 'true' } }],
    [
      'the operator wants it so, whatever the request says',
      { headers: { 'x-privacy-mode': 'false' }, changed: { PRIVACY_MODE: 'true' } },
    ],
  ])('where %s', async (_, how) => {
    const { event, json, answer } = await told(REQUEST, how);
    expect(event).toMatchObject({ ...lengths, output_length: answer.text.length });
    expect(json).not.toContain(SECRET);
  });

  it('where its key wants it so, whatever the request says', async () => {
    const as = await createKey('private');
    await env.DB.prepare("UPDATE api_keys SET privacy = 1 WHERE id = 'key_private'").run();
    const { event } = await told(REQUEST, { as, headers: { 'x-privacy-mode': 'false' } });
    expect(event).toMatchObject(lengths);
  });

  it('where analytics are off', async () => {
    const { event } = await told(REQUEST, { changed: { POSTHOG_API_KEY: undefined as unknown as string } });
    expect(event).toMatchObject({ ...lengths, private: false, input_omitted: 'off', output_omitted: 'off' });
  });

  it('into the log, in no case', async () => {
    const lines: string[] = [];
    const take = (line: string) => void lines.push(line);
    const spies = [
      vi.spyOn(console, 'log').mockImplementation(take),
      vi.spyOn(console, 'error').mockImplementation(take),
    ];
    const { answer } = await told();
    await told({ ...REQUEST, tools: [{ type: 'gateway:calculator' }], tool_choice: 'required' });
    await told({ ...REQUEST, model: 'sim/status-400' });
    for (const spy of spies) spy.mockRestore();
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.join()).not.toContain(SECRET);
    expect(lines.join()).not.toContain(JSON.parse(answer.text).choices[0].message.content);
  });

  it('and a value that is neither true nor false is refused', async () => {
    const answer = await post('/v1/chat/completions', key, REQUEST, { 'x-privacy-mode': 'yes' });
    expect([answer.status, errorOf(answer).param]).toEqual([400, 'x-privacy-mode']);
  });
});

describe('a conversation', () => {
  const labels = { session_id: 'of the body', metadata: { conversation_id: 'of metadata' } };

  it.each([
    ['its header', labels, { 'x-conversation-id': 'of the header' }, 'of the header'],
    ['its session_id', labels, {}, 'of the body'],
    ['its metadata', { metadata: labels.metadata }, {}, 'of metadata'],
    ['nothing', { metadata: { conversation_id: 7 } }, {}, null],
  ])('is known by %s', async (_, fields, headers, id) => {
    const { event } = await told({ ...REQUEST, ...fields }, { headers: headers as Record<string, string> });
    expect(event.conversation_id).toBe(id);
  });

  it.each([
    [{}, { 'x-conversation-id': 'x'.repeat(257) }, 'x-conversation-id'],
    [{ session_id: 'x'.repeat(257) }, {}, 'session_id'],
    [{ metadata: { conversation_id: 'x'.repeat(257) } }, {}, 'metadata.conversation_id'],
  ])('has a name of 256 characters at most', async (fields, headers, param) => {
    const answer = await post(
      '/v1/chat/completions',
      key,
      { ...REQUEST, ...fields },
      headers as Record<string, string>,
    );
    expect([answer.status, errorOf(answer).param]).toEqual([400, param]);
  });
});
