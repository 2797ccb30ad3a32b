import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { answered } from '../../../consumer-worker/analytics/answered.ts';
import { TooLong } from '../../../shared/packed-text.ts';

const MAX = 10_000;
const json = (value: unknown) => answered(JSON.stringify(value), MAX);
const sse = (events: readonly object[], end = 'data: [DONE]\n\n') =>
  answered(
    `: OPENROUTER PROCESSING\n\n${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')}${end}`,
    MAX,
  );
const chunk = (delta: object, index = 0) => ({ object: 'chat.completion.chunk', choices: [{ index, delta }] });
const weather = (args: string) => ({ type: 'function', id: 'call_1', function: { name: 'weather', arguments: args } });

describe('chat completions', () => {
  const message = {
    role: 'assistant',
    content: 'Let me look.',
    reasoning: 'Where is that?',
    tool_calls: [{ index: 0, ...weather('{"city":"Bern"}') }],
  };
  const choices = [
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Where is that?' },
        { type: 'text', text: 'Let me look.' },
        weather('{"city":"Bern"}'),
      ],
    },
  ];

  it('are read from JSON, after padding', () => {
    expect(json({ choices: [{ index: 0, message }] })).toEqual(choices);
    expect(answered(`\n  \n${JSON.stringify({ choices: [{ message }] })}`, MAX)).toEqual(choices);
  });

  it('are put together from the deltas of a stream', () => {
    const stream = sse([
      chunk({ role: 'assistant', content: '' }),
      chunk({ reasoning: 'Where ' }),
      chunk({ reasoning: 'is that?', content: null }),
      chunk({ content: 'Let me ' }),
      chunk({ content: 'look.' }),
      chunk({ tool_calls: [{ index: 0, ...weather('') }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '"Bern"}' } }] }),
      { choices: [], usage: { prompt_tokens: 1 } },
    ]);
    expect(stream).toEqual(choices);
  });

  it('of text alone are the text', () => {
    expect(sse([chunk({ content: 'Hel' }), chunk({ content: 'lo' })])).toEqual([
      { role: 'assistant', content: 'Hello' },
    ]);
    expect(json({ choices: [{ message: { role: 'assistant', content: null, refusal: 'No.' } }] })).toEqual([
      { role: 'assistant', content: 'No.' },
    ]);
  });

  it('keep choices and parallel calls apart, in their order', () => {
    const call = (index: number, fields: object) => chunk({ tool_calls: [{ index, ...fields }] }, 1);
    const stream = sse([
      call(1, { id: 'b', function: { name: 'two', arguments: '2' } }),
      call(0, { id: 'a', function: { name: 'one', arguments: '1' } }),
      chunk({ content: 'first' }, 0),
      call(1, { function: { arguments: '2' } }),
    ]);
    expect(stream).toEqual([
      { role: 'assistant', content: 'first' },
      {
        role: 'assistant',
        content: [
          { type: 'function', id: 'a', function: { name: 'one', arguments: '1' } },
          { type: 'function', id: 'b', function: { name: 'two', arguments: '22' } },
        ],
      },
    ]);
  });

  it('say as much as came of a stream that was cut', () => {
    const cut = `data: ${JSON.stringify(chunk({ content: 'Hel' }))}\r\n\r\ndata: {"choices":[{"del`;
    expect(answered(cut, MAX)).toEqual([{ role: 'assistant', content: 'Hel' }]);
    expect(sse([chunk({ content: 'all' })], `data: ${JSON.stringify(chunk({ content: ' of it' }))}`)).toEqual([
      { role: 'assistant', content: 'all of it' },
    ]);
  });

  it('come out of a stream as they went in, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (pieces) => {
        expect(sse(pieces.map((content) => chunk({ content })))).toEqual([
          { role: 'assistant', content: pieces.join('') },
        ]);
      }),
      { seed: 3, numRuns: 200 },
    );
  });
});

describe('legacy completions', () => {
  it.each([
    ['JSON', () => json({ object: 'text_completion', choices: [{ index: 0, text: 'one two' }] })],
    ['a stream', () => sse([{ choices: [{ index: 0, text: 'one ' }] }, { choices: [{ index: 0, text: 'two' }] }])],
  ])('are read from %s', (_, read) => {
    expect(read()).toEqual([{ role: 'assistant', content: 'one two' }]);
  });
});

describe('responses', () => {
  const reasoning = { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm.' }] };
  const said = { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hello' }] };
  const call = { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{}' };
  const search = { type: 'web_search_call', status: 'completed' };
  const choices = [
    {
      role: 'assistant',
      content: [{ type: 'thinking', thinking: 'Hm.' }, { type: 'text', text: 'Hello' }, weather('{}'), search],
    },
  ];

  it('are read from JSON, or from the last event of a stream', () => {
    const output = [reasoning, said, call, search];
    expect(json({ object: 'response', output })).toEqual(choices);
    const created = { type: 'response.created', response: { output: [] } };
    const added = { type: 'response.output_item.added', output_index: 0, item: { type: 'message' } };
    const delta = { type: 'response.output_text.delta', output_index: 0, delta: 'Hel' };
    expect(sse([created, added, delta, { type: 'response.completed', response: { output } }])).toEqual(choices);
  });

  it('are put together from items and deltas of a stream that was cut', () => {
    const stream = sse([
      { type: 'response.output_item.added', output_index: 0, item: { type: 'reasoning' } },
      { type: 'response.reasoning_summary_text.delta', output_index: 0, delta: 'H' },
      { type: 'response.output_item.done', output_index: 0, item: reasoning },
      { type: 'response.output_item.added', output_index: 1, item: { type: 'message' } },
      { type: 'response.output_text.delta', output_index: 1, delta: 'Hel' },
      { type: 'response.output_text.delta', output_index: 1, delta: 'lo' },
      { type: 'response.output_item.added', output_index: 2, item: { ...call, arguments: '' } },
      { type: 'response.function_call_arguments.delta', output_index: 2, delta: '{}' },
    ]);
    expect(stream).toEqual([{ role: 'assistant', content: choices[0]?.content.slice(0, 3) }]);
  });
});

describe('bounds', () => {
  it('of JSON that is parsed at once', () => {
    const long = chunk({ content: 'x'.repeat(MAX) });
    expect(() => json(long)).toThrow(TooLong);
    expect(() => sse([long])).toThrow(TooLong);
  });

  it('of what is taken for JSON at all', () => {
    const parse = vi.spyOn(JSON, 'parse');
    const noise = 'data: x\n\n'.repeat(1_000);
    const stream = `data:  ${JSON.stringify(chunk({ content: 'Hi' }))}\n\n${noise}data: [DONE]\n\n`;
    expect(answered(stream, MAX)).toEqual([{ role: 'assistant', content: 'Hi' }]);
    expect(parse).toHaveBeenCalledTimes(1);
  });

  it('of how many choices, calls and items are put together', () => {
    const many = Array.from({ length: 1_000 }, (_, n) => n);
    expect(sse(many.map((n) => chunk({ content: 'x' }, n)))).toHaveLength(128);
    const [calls] = sse(many.map((index) => chunk({ tool_calls: [{ index, id: 'c', function: { name: 'f' } }] })));
    expect(calls?.content).toHaveLength(128);
    const item = { type: 'function_call', name: 'f' };
    const [items] = sse(many.map((n) => ({ type: 'response.output_item.done', output_index: n, item })));
    expect(items?.content).toHaveLength(256);
  });

  it('of sense: what is of another shape says nothing', () => {
    for (const odd of [
      {},
      { choices: 'x' },
      { choices: [null, { delta: 7, message: [] }] },
      { output: 'x' },
      { output: [7] },
    ])
      expect(JSON.stringify(sse([odd]))).not.toContain('7');
    expect(json({ error: { message: 'no' } })).toEqual([]);
    expect(() => answered('{"choices":', MAX)).toThrow(SyntaxError);
  });
});
