import { describe, expect, it } from 'vitest';
import { ChatRequest } from '../../../api-worker/routes/chat-request.ts';

const accepts = (body: unknown) => ChatRequest.safeParse(body).success;
const message = (value: unknown) => accepts({ messages: [value] });
const part = (value: unknown) => message({ role: 'user', content: [value] });
const field = (value: object) => accepts({ messages: [{ role: 'user', content: 'x' }], ...value });

describe('a message', () => {
  it.each([
    { role: 'developer', content: 'x' },
    { role: 'system', content: [{ type: 'text', text: 'x' }] },
    { role: 'user', content: '', name: 'ann' },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }],
    },
    { role: 'assistant', content: null, tool_calls: [{ id: 'a', type: 'custom', custom: { name: 'f', input: 'x' } }] },
    { role: 'assistant', content: [{ type: 'refusal', refusal: 'no' }] },
    { role: 'assistant', audio: { id: 'a' } },
    { role: 'assistant', function_call: { name: 'f', arguments: '' } },
    { role: 'assistant', content: 'x', reasoning_details: [{ type: 'reasoning.text' }] },
    { role: 'tool', content: 'x', tool_call_id: 'a' },
    { role: 'tool', content: [{ type: 'text', text: 'x' }], tool_call_id: 'a' },
    { role: 'function', content: null, name: 'f' },
  ])('is accepted: %j', (value) => expect(message(value)).toBe(true));

  it.each([
    {},
    'x',
    null,
    { role: 'user' },
    { role: 'system', content: null },
    { role: 'tool', content: 'x' },
    { role: 'function', content: 'x' },
    { role: 'assistant', content: 'x', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f' } }] },
  ])('is refused: %j', (value) => expect(message(value)).toBe(false));
});

describe('a content part', () => {
  it.each([
    { type: 'text', text: 'x', cache_control: { type: 'ephemeral' } },
    { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==', detail: 'low' } },
    { type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } },
    { type: 'file', file: { file_id: 'a' } },
    { type: 'video_url', video_url: { url: 'https://a.example/v.mp4' } },
  ])('is accepted: %j', (value) => expect(part(value)).toBe(true));

  it.each([
    {},
    { type: 'text' },
    { type: 'image_url', image_url: {} },
    { type: 'image_url', image_url: 'x' },
    { type: 'input_audio' },
    { type: 'file' },
    'x',
  ])('is refused: %j', (value) => expect(part(value)).toBe(false));
});

describe('a field', () => {
  it.each([
    { model: 'a/b', stream: true, stream_options: { include_usage: true } },
    { temperature: 2, top_p: 0, n: 128, seed: -1, stop: ['a', 'b'], logit_bias: { 50256: -100 } },
    { temperature: null, max_tokens: null, tools: null, response_format: null, stop: null },
    { tools: [{ type: 'function', function: { name: 'f' } }, { type: 'openrouter:web_search' }], tool_choice: 'auto' },
    { tool_choice: { type: 'function', function: { name: 'f' } } },
    { response_format: { type: 'json_schema', json_schema: { name: 'a', schema: {} } } },
    { provider: { order: ['a'] }, plugins: [{ id: 'web' }], transforms: [], anything: { at: ['all'] } },
  ])('is accepted: %j', (value) => expect(field(value)).toBe(true));

  it.each([
    { temperature: 2.1 },
    { temperature: '1' },
    { top_p: 1.1 },
    { n: 0 },
    { n: 129 },
    { max_tokens: 1.5 },
    { max_completion_tokens: 0 },
    { presence_penalty: -3 },
    { top_logprobs: 21 },
    { stream: 'true' },
    { tools: {} },
    { tools: [{ type: 'function', function: {} }] },
    { tool_choice: 'sometimes' },
    { response_format: { type: 'json_schema' } },
  ])('is refused: %j', (value) => expect(field(value)).toBe(false));

  it('keeps what it does not know', () => {
    const body = { messages: [{ role: 'user', content: [{ type: 'x', y: 1 }], z: 2 }], w: { v: 3 } };
    expect(ChatRequest.parse(body)).toEqual(body);
  });
});
