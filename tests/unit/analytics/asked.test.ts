import { describe, expect, it } from 'vitest';
import { asked } from '../../../consumer-worker/analytics/asked.ts';

describe('what was asked', () => {
  it.each([
    ['messages', { messages: [{ role: 'tool', content: 'x' }] }, [{ role: 'tool', content: 'x' }]],
    ['a prompt', { prompt: 'one' }, [{ role: 'user', content: 'one' }]],
    [
      'prompts',
      { prompt: ['one', 'two'] },
      [
        { role: 'user', content: 'one' },
        { role: 'user', content: 'two' },
      ],
    ],
    [
      'an input with instructions',
      { instructions: 'Be short.', input: 'one' },
      [
        { role: 'system', content: 'Be short.' },
        { role: 'user', content: 'one' },
      ],
    ],
    [
      'items of an input',
      { input: [{ type: 'function_call_output', output: '1' }] },
      [{ type: 'function_call_output', output: '1' }],
    ],
    ['tokens', { input: [1, 2] }, [1, 2]],
    ['nothing', {}, []],
  ])('is a list of messages: of %s', (_, request, messages) => {
    expect(asked(request).$ai_input).toEqual(messages);
  });

  it('comes with tools and settings, under whichever name', () => {
    const tools = [{ type: 'function', function: { name: 'f' } }];
    expect(asked({ tools, temperature: 0, max_completion_tokens: 5 })).toMatchObject({
      $ai_tools: tools,
      $ai_temperature: 0,
      $ai_max_tokens: 5,
    });
    expect(asked({ max_tokens: 6 }).$ai_max_tokens).toBe(6);
    expect(asked({ max_output_tokens: 7, temperature: null })).toMatchObject({
      $ai_max_tokens: 7,
      $ai_temperature: undefined,
    });
  });

  it.each([[null], ['text'], [[]]])('is nothing where there is no request: %j', (value) => {
    expect(() => asked(value)).toThrow(TypeError);
  });
});
