import { describe, expect, it } from 'vitest';
import { mediaOf, needsOf } from '../../../api-worker/routes/chat-amounts.ts';
import { ChatRequest } from '../../../api-worker/routes/chat-request.ts';
import { canServe, type Needs } from '../../../api-worker/upstream/needs.ts';
import { UpstreamModel } from '../../../api-worker/upstream/upstream-model.ts';

const NOTHING: Needs = { parameters: [], modalities: [], contextTokens: 0 };
const MODEL = UpstreamModel.parse({
  id: 'a/model',
  context_length: 1_000,
  supported_parameters: ['tools', 'response_format', 'temperature'],
  architecture: { input_modalities: ['text', 'image'] },
});

describe('canServe', () => {
  it.each<[boolean, Partial<Needs>]>([
    [true, {}],
    [true, { parameters: [['tools']] }],
    [true, { parameters: [['tools'], ['response_format']] }],
    [true, { parameters: [['structured_outputs', 'response_format']] }],
    [false, { parameters: [['structured_outputs']] }],
    [false, { parameters: [['tools'], ['structured_outputs']] }],
    [true, { modalities: ['image'] }],
    [false, { modalities: ['image', 'audio'] }],
    [false, { modalities: ['file'] }],
    [true, { contextTokens: 1_000 }],
    [false, { contextTokens: 1_001 }],
    [false, { parameters: [['tools']], modalities: ['audio'] }],
  ])('says %s of a model that is asked for %j', (can, needs) => {
    expect(canServe(MODEL, { ...NOTHING, ...needs })).toBe(can);
  });

  const MUCH: Needs = { parameters: [['tools']], modalities: ['audio'], contextTokens: 1e9 };
  it.each([
    ['a model that is not listed', null],
    ['a model that tells nothing', UpstreamModel.parse({ id: 'a/silent' })],
    [
      'a model that tells nothing well formed',
      UpstreamModel.parse({ id: 'a/odd', architecture: 1, context_length: -1 }),
    ],
    ['a model without modalities', UpstreamModel.parse({ id: 'a/odd', architecture: { input_modalities: null } })],
  ])('takes everything for granted of %s', (_, model) => {
    expect(canServe(model, MUCH)).toBe(true);
  });

  it('excludes a model that says it supports nothing', () => {
    const bare = UpstreamModel.parse({ id: 'a/bare', supported_parameters: [] });
    expect(canServe(bare, { ...NOTHING, parameters: [['tools']] })).toBe(false);
  });
});

describe('needsOf a chat completion', () => {
  const needs = (change: object, maxTokensDefault = 0) => {
    const body = { messages: [{ role: 'user', content: 'x' }], ...change };
    const request = ChatRequest.parse(body);
    return needsOf({ request, media: mediaOf(request, JSON.stringify(body)), maxTokensDefault });
  };
  const tools = [{ type: 'function', function: { name: 'f' } }];

  it.each([
    [{}, []],
    [{ tools }, [['tools']]],
    [{ tools, tool_choice: 'auto' }, [['tools']]],
    [{ tools, tool_choice: 'none' }, []],
    [{ tools: [] }, []],
    [{ tools: null }, []],
    [{ response_format: { type: 'text' } }, []],
    [{ response_format: { type: 'json_object' } }, [['response_format', 'structured_outputs']]],
    [
      { response_format: { type: 'json_schema', json_schema: { name: 's' } } },
      [['structured_outputs', 'response_format']],
    ],
    [{ tools, response_format: { type: 'json_object' } }, [['tools'], ['response_format', 'structured_outputs']]],
  ])('asks, for %j, for the parameters %j', (asked, parameters) => {
    expect(needs(asked).parameters).toEqual(parameters);
  });

  it('asks for the modalities of all parts, each once', () => {
    const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };
    const content = [
      { type: 'text', text: 'x' },
      image,
      image,
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
      { type: 'file', file: { file_data: 'data:application/pdf;base64,AAAA' } },
      { type: 'something_new' },
    ];
    const messages = [
      { role: 'user', content },
      { role: 'user', content: [image] },
    ];
    expect(needs({ messages }).modalities).toEqual(['image', 'audio', 'file']);
    expect(needs({}).modalities).toEqual([]);
  });

  it('asks for a context of a sixth of the bytes of the text, and the answer', () => {
    const messages = [{ role: 'user', content: 'é'.repeat(3_000) }];
    const bytes = new TextEncoder().encode(JSON.stringify({ messages })).byteLength;
    const prompt = Math.floor(bytes / 6);
    expect(prompt).toBeGreaterThan(1_000);
    expect(needs({ messages }).contextTokens).toBe(prompt);
    expect(needs({ messages }, 700).contextTokens).toBe(prompt + 700);
  });

  it.each([
    [{ max_tokens: 500 }, 500],
    [{ max_completion_tokens: 400 }, 400],
    [{ max_tokens: null, max_completion_tokens: 400 }, 400],
  ])('counts the answer as the client bounds it: %j', (asked, output) => {
    expect(needs(asked, 9_000).contextTokens - output).toBeLessThan(100);
    expect(needs(asked, 9_000).contextTokens).toBeGreaterThanOrEqual(output);
  });

  it('does not count the data of images', () => {
    const url = `data:image/png;base64,${'A'.repeat(100_000)}`;
    const messages = [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }];
    expect(needs({ messages }).contextTokens).toBeLessThan(100);
  });
});
