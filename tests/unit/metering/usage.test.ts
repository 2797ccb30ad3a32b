import { describe, expect, it } from 'vitest';
import { meter } from '../../../api-worker/metering/usage.ts';

const USAGE = {
  prompt_tokens: 12,
  completion_tokens: 34,
  cost: 0.00001875,
  prompt_tokens_details: { cached_tokens: 5, cache_write_tokens: 1 },
  completion_tokens_details: { reasoning_tokens: 7 },
};
const HEAD = { id: 'gen-1', model: 'a/b-2026-01-01', provider: 'P' };
const event = (part: unknown) => `data: ${JSON.stringify(part)}\n\n`;
const CONTENT = event({ ...HEAD, choices: [{ index: 0, delta: { content: 'x' }, finish_reason: null }] });
const FINISH = event({ ...HEAD, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
const DONE = 'data: [DONE]\n\n';
const METERED = {
  model: 'a/b-2026-01-01',
  provider: 'P',
  generation_id: 'gen-1',
  finish_reason: 'stop',
  input_tokens: 12,
  output_tokens: 34,
  cached_tokens: 5,
  cache_write_tokens: 1,
  reasoning_tokens: 7,
  cost_nano_usd: 18_750,
  usage_source: 'provider',
};

describe('meter', () => {
  it.each([
    ['with one choice whose finish is null', [{ index: 0, delta: {}, finish_reason: null }]],
    ['with the finish repeated', [{ index: 0, delta: {}, finish_reason: 'stop' }]],
    ['with no choice', []],
  ])('reads usage from an event %s', (_, choices) => {
    const text = CONTENT + FINISH + event({ ...HEAD, choices, usage: USAGE }) + DONE;
    expect(meter(text, true)).toEqual({ fields: METERED, failed: false });
  });

  it('reads usage without [DONE], with CRLF, and after chunks whose usage is null', () => {
    const text = event({ ...HEAD, choices: [], usage: null }) + FINISH + event({ ...HEAD, choices: [], usage: USAGE });
    expect(meter(text.replaceAll('\n', '\r\n').trimEnd(), true).fields).toEqual(METERED);
  });

  it('reads a padded JSON answer', () => {
    const body = { ...HEAD, choices: [{ finish_reason: 'stop' }], usage: USAGE };
    expect(meter(`\n  \n${JSON.stringify(body)}`, false).fields).toEqual(METERED);
  });

  it('says unknown, not 0, of a stream that was cut', () => {
    expect(meter(`${CONTENT + CONTENT}data: {"id":"ge`, true).fields).toMatchObject({
      model: 'a/b-2026-01-01',
      input_tokens: null,
      cost_nano_usd: null,
      usage_source: 'unknown',
    });
  });

  it.each([
    ['with a choice', { error: { code: 502 }, choices: [{ finish_reason: 'error' }] }],
    ['with no choice', { error: { code: 502 }, choices: [] }],
    ['bare', { error: { message: 'x' } }],
  ])('notices an error in the midst, %s, and usage after it', (_, error) => {
    const metered = meter(CONTENT + event(error) + FINISH + event({ ...HEAD, choices: [], usage: USAGE }), true);
    expect(metered).toMatchObject({ failed: true, fields: { cost_nano_usd: 18_750 } });
  });

  it('leaves the cost unknown where the upstream reports none', () => {
    const text = event({ ...HEAD, choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } });
    expect(meter(text, true).fields).toMatchObject({ cost_nano_usd: null, input_tokens: 1, usage_source: 'provider' });
  });

  it('keeps what is well formed of usage that is not', () => {
    const usage = { prompt_tokens: 'many', completion_tokens: 2, cost: '1', prompt_tokens_details: null };
    expect(meter(event({ ...HEAD, usage }), true).fields).toMatchObject({ input_tokens: null, output_tokens: 2 });
  });
});
