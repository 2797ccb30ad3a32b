import { describe, expect, it } from 'vitest';
import { estimateTokens } from '../../../api-worker/metering/estimate.ts';

const PROMPT = { json: 'x'.repeat(400), images: 0 };
const TEXT = 'word '.repeat(100);
const NOTHING = { input_tokens: 0, output_tokens: 0 };

const streamOf = (...list: unknown[]) => list.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
const stream = (...list: unknown[]) => estimateTokens(PROMPT, streamOf(...list), true);
const whole = (answer: unknown) => estimateTokens(PROMPT, JSON.stringify(answer), false);
const chunk = (delta: object) => ({ choices: [{ index: 0, delta }] });

describe('an estimate of tokens', () => {
  it('takes four characters for a token, of the prompt and of what came', () => {
    expect(stream(chunk({ content: TEXT }))).toEqual({ input_tokens: 100, output_tokens: 125 });
    expect(whole({ choices: [{ message: { content: TEXT } }] })).toEqual({ input_tokens: 100, output_tokens: 125 });
  });

  it('takes a chunk for one token at least', () => {
    expect(stream(...['a', 'b', 'c'].map((content) => chunk({ content }))).output_tokens).toBe(3);
  });

  it.each([
    ['reasoning', chunk({ reasoning: TEXT })],
    ['reasoning under its other name', chunk({ reasoning_content: TEXT })],
    ['calls of tools', chunk({ tool_calls: [{ index: 0, function: { arguments: TEXT } }] })],
    ['a refusal', chunk({ refusal: TEXT })],
    ['pieces of a response', { type: 'response.output_text.delta', delta: TEXT }],
    ['legacy completions', { choices: [{ text: TEXT }] }],
  ])('counts %s', (_, event) => {
    expect(stream(event).output_tokens).toBe(125);
  });

  it('counts once what is told twice', () => {
    const details = [{ type: 'reasoning.text', text: TEXT }];
    expect(stream(chunk({ reasoning: TEXT, reasoning_details: details })).output_tokens).toBe(125);
    const part = { type: 'output_text', text: TEXT };
    const item = { type: 'message', content: [part] };
    const told = [
      { type: 'response.output_text.delta', delta: TEXT },
      { type: 'response.output_text.done', text: TEXT },
      { type: 'response.content_part.done', part },
      { type: 'response.output_item.done', item },
    ];
    expect(stream(...told).output_tokens).toBe(125);
  });

  it('counts a response in one piece, and an answer that was cut within its text', () => {
    const output = [{ content: [{ text: TEXT }] }, { arguments: TEXT }];
    expect(whole({ output }).output_tokens).toBe(250);
    const cut = `{"id":"gen-1","choices":[{"message":{"role":"assistant","content":"${TEXT}`;
    expect(estimateTokens(PROMPT, cut, false).output_tokens).toBe(125);
  });

  it('is nothing where nothing came: comments, an empty chunk, an error, half an event', () => {
    expect(stream()).toEqual(NOTHING);
    expect(stream(chunk({ content: '' }), { error: { code: 502, message: 'provider down' } })).toEqual(NOTHING);
    expect(estimateTokens(PROMPT, ': processing\n\ndata: {"choices":[{"del', true)).toEqual(NOTHING);
    expect(estimateTokens(PROMPT, '{"error":{"message":"down"}}', false)).toEqual(NOTHING);
  });

  it.each([
    ['choices that are no list', { choices: 'none' }],
    ['no choice at all', { choices: [null] }],
    ['something else', 7],
  ])('does not stumble over %s', (_, event) => {
    expect(stream(event)).toEqual(NOTHING);
  });

  it.each([
    ['an image', JSON.stringify({ url: `data:image/png;base64,${'A'.repeat(1_000_000)}` }), 1],
    ['sound', JSON.stringify({ input_audio: { data: 'A/+9'.repeat(250_000) } }), 0],
  ])('does not count the data of %s as text', (_, json, images) => {
    const { input_tokens } = estimateTokens({ json, images }, streamOf(chunk({ content: 'x' })), true);
    expect(input_tokens).toBeLessThan(images * 1_500 + 50);
  });

  it('takes the longest transcript in its stride', () => {
    const transcript = streamOf(...Array.from({ length: 40_000 }, () => chunk({ content: 'x"\\ '.repeat(10) })));
    expect(transcript.length).toBeGreaterThan(4_000_000);
    const startedAt = performance.now();
    expect(estimateTokens(PROMPT, transcript, true).output_tokens).toBe(400_000);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});
