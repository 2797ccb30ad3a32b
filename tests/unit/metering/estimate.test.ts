import { describe, expect, it } from 'vitest';
import { estimateTokens } from '../../../api-worker/metering/estimate.ts';

const PROMPT = { json: 'x'.repeat(400), images: 0 };
const events = (...list: unknown[]) => list.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
const chunk = (delta: object) => ({ choices: [{ index: 0, delta }] });

describe('an estimate of tokens', () => {
  it('takes four characters for a token, of the prompt and of what came', () => {
    expect(estimateTokens(PROMPT, events(chunk({ content: 'x'.repeat(40) })))).toEqual({
      input_tokens: 100,
      output_tokens: 10,
    });
  });

  it('takes a chunk for one token at least', () => {
    const cut = events(...['a', 'b', 'c'].map((content) => chunk({ content })));
    expect(estimateTokens(PROMPT, cut).output_tokens).toBe(3);
  });

  it.each([
    ['reasoning', chunk({ reasoning: 'x'.repeat(20) })],
    ['calls of tools', chunk({ tool_calls: [{ index: 0, function: { arguments: 'x'.repeat(20) } }] })],
    ['escaped text', chunk({ content: '"\\\n'.repeat(7) })],
    ['pieces of a response', { type: 'response.output_text.delta', delta: 'x'.repeat(20) }],
    ['legacy completions', { choices: [{ text: 'x'.repeat(20) }] }],
  ])('counts %s', (_, event) => {
    expect(estimateTokens(PROMPT, events(event)).output_tokens).toBeGreaterThanOrEqual(5);
  });

  it('is nothing where nothing came: comments, an empty chunk, an error', () => {
    const nothing = { input_tokens: 0, output_tokens: 0 };
    expect(estimateTokens(PROMPT, '')).toEqual(nothing);
    expect(estimateTokens(PROMPT, `: processing\n\n${events(chunk({ content: '' }))}`)).toEqual(nothing);
    expect(estimateTokens(PROMPT, events({ error: { code: 502, message: 'provider down' } }))).toEqual(nothing);
  });

  it('counts an image as an image, not as its data', () => {
    const json = JSON.stringify({ url: `data:image/png;base64,${'A'.repeat(1_000_000)}` });
    const { input_tokens } = estimateTokens({ json, images: 1 }, events(chunk({ content: 'x' })));
    expect(input_tokens).toBeGreaterThan(1_000);
    expect(input_tokens).toBeLessThan(2_000);
  });

  it('takes the longest transcript in its stride, cut anywhere', () => {
    const text = 'x\\"'.repeat(1_400_000);
    const startedAt = performance.now();
    const { output_tokens } = estimateTokens(
      PROMPT,
      `{"choices":[{"message":{"content":"${text}"}},{"content":"${text}`,
    );
    expect(output_tokens).toBe(Math.ceil(text.length / 4));
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});
