import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { likelyTokens, mediaOf, mostAmounts } from '../../../api-worker/routes/chat-amounts.ts';
import { ChatRequest } from '../../../api-worker/routes/chat-request.ts';
import { costBound } from '../../../api-worker/upstream/cost-bound.ts';
import { UpstreamModel } from '../../../api-worker/upstream/upstream-model.ts';

const model = (id: string, pricing: object, change: object = {}) =>
  UpstreamModel.parse({
    id,
    context_length: 10_000,
    top_provider: { max_completion_tokens: 500 },
    pricing: { prompt: '0.000001', completion: '0.000002', ...pricing },
    ...change,
  });
const MODELS = [
  model('a/plain', {}),
  model('a/dear', { completion: '0.00002', request: '0.01', image: '0.001' }),
  model('a/long-prompts', { overrides: [{ min_prompt_tokens: 200, prompt: '0.000009' }] }),
  model('a/router', { prompt: '-1', completion: '-1' }),
  model('a/no-prices', {}, { pricing: null }),
  model('a/endless', {}, { top_provider: null }),
  model('x-ai/grok', {}),
  model('a/free', { prompt: '0', completion: '0' }),
];
const AMOUNTS = { promptTokens: 100, outputTokens: 10, choices: 1, images: 0, serverTools: false };

describe('costBound, in nano-dollars', () => {
  it.each([
    ['prompt and answer', ['a/plain'], {}, 100 * 1000 + 10 * 2000],
    ['an answer of its own length, where none is set', ['a/plain'], { outputTokens: null }, 100_000 + 500 * 2000],
    ['an answer never longer than the model gives', ['a/plain'], { outputTokens: 1e9 }, 100_000 + 500 * 2000],
    ['as long as the context, where the model names no length', ['a/endless'], { outputTokens: null }, 100_000 + 2e7],
    ['a prompt never longer than the context', ['a/plain'], { promptTokens: Number.POSITIVE_INFINITY }, 1e7 + 20_000],
    ['all that Grok may think beyond max_tokens', ['x-ai/grok'], {}, 100_000 + 500 * 2000],
    ['every choice', ['a/plain'], { choices: 3 }, 100_000 + 60_000],
    ['the dearest of the candidates', ['a/plain', 'a/dear', 'a/free'], {}, 100_000 + 200_000 + 1e7],
    ['images', ['a/dear'], { images: 2 }, 100_000 + 200_000 + 1e7 + 2e6],
    ['the highest of conditional prices', ['a/long-prompts'], {}, 900_000 + 20_000],
    ['a variant as what it varies', ['a/plain:nitro'], {}, 120_000],
    ['searches of the upstream', ['a/plain'], { serverTools: true }, 120_000 + 2e8],
    ['searches that a variant asks for', ['a/plain:online'], {}, 120_000 + 2e8],
    ['nothing for what is free', ['a/free'], {}, 0],
  ])('counts %s', (_, candidates, change, nano) => {
    expect(costBound(candidates, MODELS, { ...AMOUNTS, ...change })).toBe(nano);
  });

  it('takes the dearest prices for what has none', () => {
    const dearest = 100 * 150_000 + 10 * 600_000;
    expect(costBound(['a/router'], MODELS, AMOUNTS)).toBe(dearest);
    for (const [id, models] of [
      ['a/no-prices', MODELS],
      ['a/unlisted', MODELS],
      ['a/plain', null],
    ] as const) {
      expect(costBound([id], models, AMOUNTS)).toBeGreaterThanOrEqual(dearest);
    }
  });
});

describe('the amounts of a chat completion', () => {
  const amounts = (body: object) => {
    const text = JSON.stringify(body);
    const request = ChatRequest.parse(body);
    const asked = { request, media: mediaOf(request, text), maxTokensDefault: 0 };
    return { ...mostAmounts(asked), likely: likelyTokens(asked), bytes: new TextEncoder().encode(text).byteLength };
  };
  const user = (content: unknown) => ({ messages: [{ role: 'user', content }] });

  it('bound the prompt by its bytes, whatever the script, and guess less', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (content) => {
        const { promptTokens, likely, bytes } = amounts({ ...user(content), max_tokens: 1 });
        expect(promptTokens).toBe(bytes + 2_000);
        expect(likely).toBe(Math.ceil(bytes / 3) + 1);
      }),
      { seed: 1 },
    );
  });

  it('count an image by itself, not by the bytes of its data', () => {
    const image = (url: string) => amounts(user([{ type: 'image_url', image_url: { url } }]));
    const data = image(`data:image/png;base64,${'A'.repeat(100_000)}`);
    expect(data.images).toBe(1);
    expect(data.promptTokens).toBeLessThan(23_000);
    expect(image('https://example.com/a.png').promptTokens).toBeGreaterThan(20_000);
  });

  it.each([
    { type: 'file', file: { file_data: 'data:application/pdf;base64,AAAA' } },
    { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
    { type: 'video_url', video_url: { url: 'https://example.com/a.mp4' } },
  ])('leave the prompt unbounded for what its size does not tell: $type', (part) => {
    expect(amounts(user([part])).promptTokens).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    [{ max_tokens: 5 }, 5],
    [{ max_completion_tokens: 6 }, 6],
    [{ max_tokens: null }, null],
    [{}, null],
  ])('bound the answer as the client does: %j', (asked, outputTokens) => {
    expect(amounts({ ...user('x'), ...asked }).outputTokens).toBe(outputTokens);
  });

  it.each([
    [{ plugins: [{ id: 'web' }] }, true],
    [{ web_search_options: {} }, true],
    [{ tools: [{ type: 'openrouter:web_search' }] }, true],
    [{ tools: [{ type: 'function', function: { name: 'f' } }] }, false],
    [{}, false],
  ])('know what the upstream runs itself: %j', (asked, serverTools) => {
    const most = amounts({ ...user('x'), ...asked });
    expect(most.serverTools).toBe(serverTools);
    expect(most.promptTokens === Number.POSITIVE_INFINITY, 'what they find becomes prompt').toBe(serverTools);
  });
});
