import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Chunk } from '../../../api-worker/agent/chunks.ts';
import { reasoningDetailsOf } from '../../../api-worker/agent/reasoning-details.ts';
import { sumUsage } from '../../../api-worker/agent/sum-usage.ts';
import { TurnChunks } from '../../../api-worker/agent/turn-chunks.ts';
import { turnCompletion } from '../../../api-worker/agent/turn-completion.ts';

const OURS = new Set(['calculator', 'weather']);
const call = (index: number, name: string | null, args: string) => ({
  index,
  ...(name && { id: `call_${index}`, type: 'function' }),
  function: { ...(name && { name }), arguments: args },
});
const chunk = (delta: Record<string, unknown>, finish: string | null = null, rest: object = {}): Chunk => ({
  id: 'gen-1',
  created: 1,
  model: 'a/b',
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...rest,
});

/** What the client gets of steps, each a list of chunks. */
function take(...steps: Chunk[][]) {
  const turn = new TurnChunks(OURS);
  const sent = steps.flatMap((step) => {
    turn.step();
    return step.flatMap((one) => turn.take(one) ?? []);
  });
  return { turn, sent, all: [...sent, ...turn.end(false)] };
}
const callsIn = (chunks: readonly Chunk[]) => chunks.flatMap(({ choices }) => choices?.[0]?.delta?.tool_calls ?? []);

describe('the chunks of a turn', () => {
  it('leave the gateway’s calls out, whichever pieces they come in, and count the client’s anew', () => {
    const { all, turn } = take([
      chunk({ role: 'assistant', content: null, tool_calls: [call(0, 'calculator', '')] }),
      chunk({ tool_calls: [call(0, null, '{"x"')] }),
      chunk({ tool_calls: [call(1, 'lookup', ''), call(2, 'weather', '')] }),
      chunk({ tool_calls: [call(1, null, '{}')] }),
      chunk({ tool_calls: [call(3, 'search', '{}')] }),
      chunk({ tool_calls: [call(0, null, ':1}')] }),
      chunk({}, 'tool_calls'),
    ]);
    expect(callsIn(all)).toEqual(
      [call(0, 'lookup', ''), call(0, null, '{}'), call(1, 'search', '{}')].map((one, n) => ({
        ...one,
        ...('id' in one && { id: n === 0 ? 'call_1' : 'call_3' }),
      })),
    );
    expect(turn.callsClient).toBe(true);
    expect(all.at(-1)?.choices?.[0]?.finish_reason).toBe('tool_calls');
  });

  it('number the calls of each step by themselves', () => {
    const { all } = take(
      [chunk({ tool_calls: [call(0, 'weather', '{}')] }), chunk({}, 'tool_calls')],
      [chunk({ tool_calls: [call(0, 'lookup', '{}')] }), chunk({}, 'tool_calls')],
    );
    expect(callsIn(all)).toMatchObject([{ index: 0, function: { name: 'lookup' } }]);
  });

  it('keep text that comes with a call of the gateway’s tools, and all fields that they do not know', () => {
    const { sent } = take([
      chunk({ content: 'Let me see.', reasoning: 'hm', tool_calls: [call(0, 'weather', '{}')] }, null, {
        provider: 'P',
      }),
    ]);
    expect(sent).toMatchObject([{ provider: 'P', choices: [{ delta: { content: 'Let me see.', reasoning: 'hm' } }] }]);
    expect(callsIn(sent)).toEqual([]);
  });

  it('have the first id and model, one finish, and the sum of usages at the end', () => {
    const usage = { prompt_tokens: 1, cost: 0.1 };
    const { all } = take(
      [chunk({ tool_calls: [call(0, 'weather', '{}')] }, 'tool_calls', { usage })],
      [
        chunk({ content: 'x' }, null, { id: 'gen-2', model: 'c/d' }),
        chunk({}, 'stop', { id: 'gen-2', usage: { ...usage, cost: 0.2 } }),
      ],
    );
    expect(all.map(({ id, model }) => [id, model])).toEqual(all.map(() => ['gen-1', 'a/b']));
    expect(all.map(({ choices }) => choices?.[0]?.finish_reason)).toEqual([null, 'stop']);
    expect(all.map(({ usage: told }) => told)).toEqual([undefined, { prompt_tokens: 2, cost: 0.3 }]);
  });

  it('stay cut short where the client’s arguments were', () => {
    const cut = [chunk({ tool_calls: [call(0, 'lookup', '{"ci')] }), chunk({}, 'length')];
    expect(take(cut).all.at(-1)?.choices?.[0]?.finish_reason).toBe('length');
    const odd = [chunk({ tool_calls: [call(0, 'lookup', '{}')] }), chunk({}, 'stop')];
    expect(take(odd).all.at(-1)?.choices?.[0]?.finish_reason).toBe('tool_calls');
  });

  it('take the last of running totals for a step’s usage', () => {
    const totals = [1, 2, 3].map((prompt_tokens) => chunk({ content: 'x' }, null, { usage: { prompt_tokens } }));
    expect(take(totals, totals).all.at(-1)?.usage).toEqual({ prompt_tokens: 6 });
  });

  it('tell calls apart by their ids where all have the number 0', () => {
    const calls = ['weather', 'lookup', 'search'].map((name) => ({ ...call(0, name, '{}'), id: `id_${name}` }));
    expect(callsIn(take(calls.map((one) => chunk({ tool_calls: [one] }))).all)).toMatchObject([
      { index: 0, function: { name: 'lookup' } },
      { index: 1, function: { name: 'search' } },
    ]);
  });

  it('end with `length` where a bound stopped the turn after the gateway’s own tools', () => {
    const { all } = take([chunk({ tool_calls: [call(0, 'weather', '{}')] }), chunk({}, 'tool_calls')]);
    expect(all).toHaveLength(1);
    expect(all[0]?.choices?.[0]).toMatchObject({ delta: { role: 'assistant' }, finish_reason: 'length' });
  });
});

describe('the completion of a turn', () => {
  const step = (message: object, finish_reason: string, usage = { cost: 0.1 }) => ({
    id: `gen-${finish_reason}`,
    choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason }],
    usage,
  });

  it('says all that was said, and what the last step wants of the client', () => {
    const calls = [call(0, 'weather', '{}'), call(1, 'lookup', '{}')];
    const joined = turnCompletion(
      [
        step({ content: 'One. ', tool_calls: [calls[0]] }, 'tool_calls'),
        step({ content: 'Two.', tool_calls: calls }, 'tool_calls'),
      ],
      OURS,
    );
    expect(joined).toMatchObject({
      id: 'gen-tool_calls',
      choices: [
        {
          message: { content: 'One. Two.', tool_calls: [{ index: 0, function: { name: 'lookup' } }] },
          finish_reason: 'tool_calls',
        },
      ],
      usage: { cost: 0.2 },
    });
  });

  it('is cut short where a bound stopped it', () => {
    const joined = turnCompletion(
      [step({ content: null, tool_calls: [call(0, 'weather', '{}')] }, 'tool_calls')],
      OURS,
    );
    expect(joined.choices).toEqual([
      { index: 0, message: { role: 'assistant', content: null }, finish_reason: 'length' },
    ]);
  });
});

describe('the sum of usages', () => {
  it('adds costs to the nano-dollar, whatever doubles make of them', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000_000_000), { minLength: 1, maxLength: 20 }), (nanos) => {
        const { cost } = sumUsage(nanos.map((nano) => ({ cost: nano / 1e9 }))) as { cost: number };
        expect(Math.round(cost * 1e9)).toBe(nanos.reduce((sum, nano) => sum + nano, 0));
        expect(cost).toBe(nanos.reduce((sum, nano) => sum + nano, 0) / 1e9);
      }),
    );
  });

  it('adds members of members, and keeps what is no number as it came first', () => {
    const details = { cost_details: { upstream_inference_cost: null }, is_byok: false };
    expect(
      sumUsage([
        { ...details, a: { b: 1 } },
        { ...details, a: { b: 2, c: 3 }, n: 4 },
      ]),
    ).toEqual({
      ...details,
      a: { b: 3, c: 3 },
      n: 4,
    });
  });
});

describe('reasoning that is sent back', () => {
  const details = [
    { type: 'reasoning.text', index: 0, text: 'a', signature: null },
    { type: 'reasoning.text', index: 0, text: 'b', signature: 'sig' },
    { type: 'reasoning.encrypted', index: 1, data: 'x' },
    { type: 'reasoning.encrypted', index: 1, data: 'y', id: 'r' },
  ];
  const blocks = [
    { type: 'reasoning.text', index: 0, text: 'ab', signature: 'sig' },
    { type: 'reasoning.encrypted', index: 1, data: 'xy', id: 'r' },
  ];

  it('is put together from a stream, block by block, or taken as it is', () => {
    const stream = details.map((one) => `data: ${JSON.stringify(chunk({ reasoning_details: [one] }))}\n\n`).join('');
    expect(reasoningDetailsOf(`: comment\n\n${stream}data: [DONE]\n\n`, true)).toEqual(blocks);
    expect(
      reasoningDetailsOf(JSON.stringify({ choices: [{ message: { reasoning_details: blocks } }] }), false),
    ).toEqual(blocks);
    expect([reasoningDetailsOf('', true), reasoningDetailsOf('no JSON', false)]).toEqual([[], []]);
  });
});
