import { describe, expect, it } from 'vitest';
import { meter, meterTranscript } from '../../../api-worker/metering/usage.ts';

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

describe('meter, of Responses', () => {
  const RESPONSE = {
    id: 'gen-1',
    model: 'a/b-2026-01-01',
    status: 'completed',
    error: null,
    output: [{ type: 'message' }],
    usage: {
      input_tokens: 12,
      output_tokens: 34,
      total_tokens: 46,
      cost: 0.00001875,
      input_tokens_details: { cached_tokens: 5, cache_write_tokens: 1 },
      output_tokens_details: { reasoning_tokens: 7 },
    },
  };
  const METERED_RESPONSE = { ...METERED, provider: null };
  const BEGUN = event({ type: 'response.created', response: { ...RESPONSE, status: 'in_progress', usage: null } });
  const SAID = event({ type: 'response.output_text.delta', delta: '"error"' });
  const end = (change: object, type = 'response.completed') =>
    event({ type, response: { ...RESPONSE, ...change }, sequence_number: 9 });

  it('reads an answer and the last event of a stream alike', () => {
    expect(meter(JSON.stringify(RESPONSE), false)).toEqual({ fields: METERED_RESPONSE, failed: false });
    for (const done of [DONE, '']) {
      expect(meter(BEGUN + SAID + end({}) + done, true)).toEqual({ fields: METERED_RESPONSE, failed: false });
    }
  });

  it.each([
    [{ output: [{ type: 'reasoning' }, { type: 'function_call' }] }, 'tool_calls'],
    [{ output: [{ type: 'custom_tool_call' }] }, 'tool_calls'],
    [{ output: [{ type: 'web_search_call' }, { type: 'message' }] }, 'stop'],
    [{ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }, 'length'],
    [{ status: 'incomplete', incomplete_details: { reason: 'content_filter' } }, 'content_filter'],
  ])('tells how it ended in the words of chat completions: %j', (change, finish) => {
    expect(meter(BEGUN + end(change), true)).toMatchObject({ failed: false, fields: { finish_reason: finish } });
  });

  it.each([
    ['response.failed', end({ status: 'failed', error: { code: 'server_error' } }, 'response.failed')],
    ['an error event', event({ type: 'error', code: 'server_error', message: 'x' })],
    ['an error alone', event({ error: { code: 502 } })],
  ])('notices %s', (_, last) => {
    expect(meter(BEGUN + SAID + last, true).failed).toBe(true);
  });

  it('takes `"error": null`, which stands in all of its events, for none, and looks no further back than it must', () => {
    const long = BEGUN.repeat(200_000);
    const begun = performance.now();
    expect(meter(long + end({}), true).failed).toBe(false);
    expect(performance.now() - begun).toBeLessThan(1_000);
  });

  it('knows nothing of a stream that was cut', () => {
    expect(meter(BEGUN + SAID, true).fields).toMatchObject({ finish_reason: null, usage_source: 'unknown' });
  });
});

describe('meter, of embeddings', () => {
  const usage = { prompt_tokens: 8, total_tokens: 8, cost: 0.00000016 };

  it('takes all tokens for the prompt’s', () => {
    const body = { object: 'list', model: 'a/b', data: [{ embedding: [0.1] }], usage };
    expect(meter(JSON.stringify(body), false).fields).toMatchObject({
      model: 'a/b',
      input_tokens: 8,
      output_tokens: 0,
      cost_nano_usd: 160,
    });
  });

  it('reads the usage of an answer of which the middle was not kept', () => {
    const text = `{"object":"list","data":[{"embedding":[0.1,0.2\n\n0.3]}],"model":"a/b","usage":${JSON.stringify({ ...usage, details: { a: 1 } })}}`;
    expect(meter(text, false).fields).toMatchObject({ input_tokens: 8, cost_nano_usd: 160, usage_source: 'provider' });
    expect(meter(text.slice(0, -9), false).fields).toMatchObject({ usage_source: 'unknown' });
  });
});

describe('a transcript that is read for a stream and for JSON', () => {
  it('tells each what it is to them', () => {
    const texts = { json: JSON.stringify({ ...HEAD, usage: USAGE }), stream: CONTENT + FINISH + DONE };
    for (const [kind, text] of Object.entries(texts)) {
      const transcript = { text, omittedBytes: 0 };
      const [asStream, asJson] = [true, false].map((streamed) => meterTranscript(transcript, streamed).fields);
      expect((kind === 'json' ? asStream : asJson)?.generation_id).toBe(null);
      expect((kind === 'json' ? asJson : asStream)?.generation_id).toBe('gen-1');
    }
  });
});
