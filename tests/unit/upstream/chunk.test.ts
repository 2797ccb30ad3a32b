import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AddedUsage,
  type Chunk,
  continuedChunk,
  isFailure,
  readChunk,
  shapeOf,
  takeChunk,
} from '../../../api-worker/upstream/chunk.ts';
import { NOTHING_SAID, Seam, SeamMismatch } from '../../../api-worker/upstream/continuation.ts';
import { nanoToUsd, usdToNano } from '../../../shared/money.ts';

type Fields = Record<string, unknown>;
const delta = (fields: Fields, rest: Fields = {}): Chunk => ({ choices: [{ index: 0, delta: fields, ...rest }] });

describe('readChunk', () => {
  it('reads an object, unknown fields included', () => {
    expect(readChunk('{"id":"gen-1","choices":[],"x":{"y":1}}')).toEqual({ id: 'gen-1', choices: [], x: { y: 1 } });
  });

  it.each(['', '{"id":"ge', 'null', '5', '"text"', '[DONE]'])('reads none from %j', (data) => {
    expect(readChunk(data)).toBeNull();
  });
});

describe('isFailure', () => {
  it.each<[boolean, Chunk]>([
    [true, { error: { code: 502, message: 'no' } }],
    [true, { error: 'no', choices: [] }],
    [true, delta({}, { finish_reason: 'error' })],
    [false, delta({ content: 'error' }, { finish_reason: 'stop' })],
    [false, { ...delta({}), error: null }],
    [false, {}],
  ])('says %s of %j', (failed, chunk) => {
    expect(isFailure(chunk)).toBe(failed);
  });
});

describe('shapeOf', () => {
  it('keeps what all chunks of a stream have in common, and nothing that is not there', () => {
    const shape = { id: 'gen-1', object: 'chat.completion.chunk', created: 1, model: 'a/b', system_fingerprint: null };
    expect(shapeOf({ ...shape, ...delta({ content: 'x' }), usage: { cost: 1 } })).toEqual(shape);
  });
});

describe('takeChunk', () => {
  it('gathers text, counts the chunks that carry any, and keeps the first finish', () => {
    const chunks = [
      delta({ role: 'assistant', content: '' }),
      delta({ content: 'Once ' }),
      delta({ content: null, reasoning: 'hm', reasoning_details: [{}] }),
      delta({ content: 'upon' }, { finish_reason: null }),
      delta({}, { finish_reason: 'length' }),
      { choices: [{ index: 0, delta: null, finish_reason: 'stop' }] },
      { choices: [], usage: { cost: 1 } },
      {},
    ];
    expect(chunks.reduce(takeChunk, NOTHING_SAID)).toEqual({
      text: 'Once upon',
      pieces: 2,
      finish: 'length',
      beyondText: false,
    });
  });

  it.each<[string, Chunk]>([
    ['tool calls', delta({ tool_calls: [{ index: 0, function: { name: 'f' } }] })],
    ['a function call', delta({ function_call: { name: 'f' } })],
    ['a refusal', delta({ content: null, refusal: 'I cannot' })],
    ['audio', delta({ audio: { data: 'AAAA' } })],
    ['images', delta({ content: '', images: [{ type: 'image_url' }] })],
    ['several choices', { choices: [{ delta: { content: 'a' } }, { delta: { content: 'b' } }] }],
  ])('says that %s are beyond text, and does not forget it', (_, chunk) => {
    const taken = takeChunk(NOTHING_SAID, chunk);
    expect(taken.beyondText).toBe(true);
    expect(takeChunk(taken, delta({ content: 'x' })).beyondText).toBe(true);
  });

  it('does not take fields that are null for more than text', () => {
    const nothing = { tool_calls: null, audio: null, refusal: null, images: null };
    expect(takeChunk(NOTHING_SAID, delta({ content: 'x', ...nothing })).beyondText).toBe(false);
  });
});

describe('continuedChunk', () => {
  const SHAPE = { id: 'gen-1', model: 'a/first', created: 1, provider: 'One' };
  const OWN = { id: 'gen-2', model: 'b/second', created: 2, provider: 'Two', object: 'chat.completion.chunk' };
  const LOOK = { ...OWN, ...SHAPE };
  const joint = (seam = new Seam('', ''), used: AddedUsage | null = null) => ({ seam, used: async () => used });
  const continued = (chunk: Chunk, on = joint()) => continuedChunk({ ...OWN, ...chunk }, SHAPE, on);

  it('looks like the stream that it continues', async () => {
    expect(
      await continued(delta({ role: 'assistant', content: 'x' }, { logprobs: null, finish_reason: null })),
    ).toEqual({
      ...LOOK,
      ...delta({ role: 'assistant', content: 'x' }, { logprobs: null, finish_reason: null }),
    });
  });

  it('leaves out how the model thinks about continuing', async () => {
    const thought = { reasoning: 'hm', reasoning_content: 'hm', reasoning_details: [{}] };
    expect(await continued(delta({ content: 'x', ...thought }))).toEqual({ ...LOOK, ...delta({ content: 'x' }) });
    expect(await continued(delta({ content: '', ...thought }))).toBeNull();
  });

  it('has only the text that is new', async () => {
    const on = joint(new Seam('upon a', ' '));
    const chunks = ['up', 'on a', ' ti', 'me'].map((content) => delta({ content }));
    const texts: unknown[] = [];
    for (const chunk of chunks) texts.push((await continued(chunk, on))?.choices?.[0]?.delta?.content ?? null);
    expect(texts).toEqual([null, null, 'ti', 'me']);
  });

  it.each<[string, Chunk]>([
    ['no choice and no usage', { choices: [] }],
    ['usage that is null', { choices: [], usage: null }],
    ['a role', delta({ role: 'assistant', content: '' })],
    ['an empty delta', delta({})],
    ['no delta', { choices: [{ index: 0 }] }],
  ])('leaves nothing of %s', async (_, chunk) => {
    expect(await continued(chunk)).toBeNull();
  });

  it('keeps the finish, if the seam has closed by then', async () => {
    const finish = delta({}, { finish_reason: 'stop' });
    expect(await continued(finish)).toEqual({ ...LOOK, ...delta({ content: '' }, { finish_reason: 'stop' }) });
    await expect(continued(finish, joint(new Seam('upon a', '')))).rejects.toThrow(SeamMismatch);
    await expect(continued(delta({ content: 'Sure' }), joint(new Seam('upon a', '')))).rejects.toThrow(SeamMismatch);
  });

  it.each<[string, Chunk, Chunk]>([
    ['alone', { choices: [] }, { choices: [] }],
    ['with the finish', delta({}, { finish_reason: 'stop' }), delta({ content: '' }, { finish_reason: 'stop' })],
    ['with text', delta({ content: 'x' }), delta({ content: 'x' })],
    ['with an empty delta', delta({}), delta({ content: '' })],
  ])('counts what all attempts used, %s', async (_, chunk, left) => {
    const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, cost: 0.0000001, is_byok: false };
    const used = { inputTokens: 7, outputTokens: 2, costNanoUsd: 300 };
    expect(await continued({ ...chunk, usage }, joint(undefined, used))).toEqual({
      ...LOOK,
      ...left,
      usage: { prompt_tokens: 17, completion_tokens: 7, total_tokens: 24, cost: 0.0000004, is_byok: false },
    });
  });

  it('adds costs to the nano-dollar', async () => {
    const nano = fc.nat({ max: 1_000_000_000_000 });
    await fc.assert(
      fc.asyncProperty(nano, nano, async (own, earlier) => {
        const used = { inputTokens: 0, outputTokens: 0, costNanoUsd: earlier };
        const chunk = { choices: [], usage: { cost: Number(nanoToUsd(own)) } };
        const cost = (await continued(chunk, joint(undefined, used)))?.usage?.cost ?? Number.NaN;
        expect(usdToNano(cost)).toBe(own + earlier);
      }),
      { seed: 1 },
    );
  });

  it('invents no cost where the upstream tells none', async () => {
    const used = { inputTokens: 1, outputTokens: 1, costNanoUsd: 300 };
    const told = await continued({ choices: [], usage: { prompt_tokens: 1 } }, joint(undefined, used));
    expect(told?.usage).toEqual({ prompt_tokens: 2, completion_tokens: 1, total_tokens: 3 });
  });

  it('tells its own usage where what came before is not known in time', async () => {
    const usage = { prompt_tokens: 10, completion_tokens: 5, cost: 0.1 };
    expect((await continued({ choices: [], usage }))?.usage).toEqual(usage);
  });
});
