import OpenAI from 'openai';
import { PostHog } from 'posthog-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { costUsd, nanoOf } from '../../load/upstream/account.ts';
import { FAULTS } from '../../load/upstream/faults.ts';
import { type SimulatedUpstream, startUpstream } from '../../load/upstream/server.ts';

let upstream: SimulatedUpstream;
beforeAll(async () => {
  upstream = await startUpstream();
});
afterAll(() => upstream.close());

const HELLO = [{ role: 'user', content: 'Hello' }];
const post = (body: Record<string, unknown>, path = '/chat/completions') =>
  fetch(upstream.url + path, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-any', 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(1_500),
  });

/** How an answer looks from outside: its status, whether it could be read, what kind of end it had. */
async function outcome(fault: string, stream: boolean): Promise<string> {
  try {
    const response = await post({ model: `sim/${fault}`, messages: HELLO, stream, sim: { ttft_ms: 10 } });
    const text = await response.text();
    const marks = [/"error"/.test(text) && 'error', /"usage"/.test(text) && 'usage', /\[DONE\]/.test(text) && 'done'];
    return [response.status, ...marks.filter(Boolean)].join(' ');
  } catch (error) {
    return (error as Error).name === 'TimeoutError' ? 'silence' : 'broken';
  }
}

describe('the simulated OpenRouter', () => {
  it('answers the same request and seed with the same bytes, another seed with others', async () => {
    const text = async (seed: number) => {
      const answer = await post({ model: 'openai/gpt-4o-mini', messages: HELLO, stream: true, sim: { seed } });
      return (await answer.text()).replaceAll(/gen-\d+-[0-9a-f]+(-\d+)?/g, 'gen');
    };
    expect(await text(1)).toBe(await text(1));
    expect(await text(1)).not.toBe(await text(2));
  });

  it.each(['null-finish', 'repeated-finish', 'empty-choices'])('sends usage %s', async (usage_shape) => {
    const answer = await post({ model: 'sim/any', messages: HELLO, stream: true, sim: { usage_shape } });
    const events = (await answer.text()).split('\n\n').filter((event) => event.includes('"usage"'));
    expect(events).toHaveLength(1);
    const { choices, usage } = JSON.parse(events[0]?.slice(5) ?? '') as {
      choices: { finish_reason: string | null }[];
      usage: { cost: number };
    };
    expect(choices.map((choice) => choice.finish_reason)).toEqual(
      { 'null-finish': [null], 'repeated-finish': ['stop'], 'empty-choices': [] }[usage_shape],
    );
    expect(usage.cost).toBeGreaterThan(0);
  });

  it('tells how long it took, where that is asked for', async () => {
    const ask = async (stream: boolean, timing: boolean) => {
      const askedAt = performance.now();
      const answer = await post({ model: 'sim/any', messages: HELLO, stream, sim: { timing, ttft_ms: 50, chunks: 3 } });
      return { text: await answer.text(), ms: performance.now() - askedAt };
    };
    const streamed = await ask(true, true);
    const [, first, all] =
      /\ndata: \[DONE\]\n\n: sim first ([\d.]+) ms, all ([\d.]+) ms\n\n$/.exec(streamed.text) ?? [];
    expect(Number(first)).toBeGreaterThanOrEqual(49);
    expect(Number(all)).toBeGreaterThanOrEqual(Number(first));
    expect(Number(all)).toBeLessThanOrEqual(streamed.ms);
    const whole = await ask(false, true);
    const { sim_ms, choices } = JSON.parse(whole.text) as { sim_ms: number; choices: unknown[] };
    expect(choices).toHaveLength(1);
    expect(sim_ms).toBeGreaterThanOrEqual(49);
    expect(sim_ms).toBeLessThanOrEqual(whole.ms);
    expect((await ask(true, false)).text + (await ask(false, false)).text).not.toMatch(/: sim|sim_ms/);
  });

  it('streams reasoning, legacy completions and embeddings', async () => {
    const client = new OpenAI({ apiKey: 'sk-any', baseURL: upstream.url });
    const reasoned = await (await post({ model: 'sim/reasoning', messages: HELLO, stream: true })).text();
    expect(reasoned.match(/"reasoning_details"/g)).toHaveLength(5);
    let text = '';
    for await (const chunk of await client.completions.create({ model: 'sim/any', prompt: 'x', stream: true })) {
      text += chunk.choices[0]?.text ?? '';
    }
    expect(text.split(' ')).toHaveLength(20);
    const { data } = await client.embeddings.create({ model: 'sim/any', input: ['a', 'b'], encoding_format: 'float' });
    expect(data).toHaveLength(2);
  });

  it('knows its generations, its models and its key', async () => {
    const get = async (path: string) =>
      (await (await fetch(upstream.url + path, { headers: { authorization: 'Bearer sk-any' } })).json()) as {
        data: Record<string, unknown>;
      };
    await (await post({ model: 'sim/any', messages: HELLO })).text();
    const entry = upstream.account.entries.at(-1);
    const generation = await get(`/generation?id=${entry?.generation_id}`);
    expect(generation.data.total_cost).toBe((entry?.cost_nano_usd ?? 0) / 1e9);
    expect((await get('/models')).data).toHaveLength(4);
    expect((await get('/models?page=2')).data).toHaveLength(4);
    expect((await get('/key')).data.usage).toBeGreaterThan(0);
  });

  it('rounds what it bills half up, once', () => {
    expect([nanoOf(499_999_999n), nanoOf(500_000_000n), nanoOf(1_500_000_000n)]).toEqual([0, 1, 2]);
    expect(costUsd(37_500_000_000n)).toBe(3.75e-8);
  });

  it('shows every fault that it names', async () => {
    const seen = async (stream: boolean) =>
      Object.fromEntries(
        await Promise.all(Object.keys(FAULTS).map(async (fault) => [fault, await outcome(fault, stream)] as const)),
      );
    const streamed = await seen(true);
    for (const [fault, end] of Object.entries(streamed)) {
      const status = /^status-(\d+)$/.exec(fault)?.[1];
      if (status) expect([fault, end]).toEqual([fault, `${status} error`]);
    }
    expect(streamed).toMatchObject({
      'error-200-json': '200 error',
      'error-first-event': '200 error done',
      'error-mid-stream': '200 error done',
      'error-mid-stream-empty-choices': '200 error done',
      'error-mid-stream-bare': '200 error done',
      'error-mid-stream-usage': '200 error usage',
      'die-before-bytes': 'broken',
      'die-after-headers': 'broken',
      'die-mid-stream': 'broken',
      silence: 'silence',
      'silence-after-headers': 'silence',
      'silence-mid-stream': 'silence',
      'slow-start': '200 usage done',
      'no-usage': '200 done',
      'no-done': '200 usage',
      'truncated-json': '200 usage',
      'empty-stream': '200',
    });
    expect(await outcome('fail-1-then-work', true)).toBe('503 error');
    expect(await outcome('fail-1-then-work', true)).toBe('200 usage done');
  });

  it('takes the batches of posthog-node, and refuses them when told to', async () => {
    const posthog = new PostHog('phc_any', { host: upstream.origin, fetchRetryCount: 0 });
    posthog.capture({ distinctId: 'a', event: 'first' });
    await posthog.flush();
    expect(upstream.posthog.events).toMatchObject([{ event: 'first', distinct_id: 'a' }]);
    upstream.posthog.failNext(500, 1);
    posthog.capture({ distinctId: 'a', event: 'second' });
    await expect(posthog.flush()).rejects.toThrow();
    expect(upstream.posthog.events).toHaveLength(1);
    await posthog.shutdown();
    const keyless = { method: 'POST', body: JSON.stringify({ batch: [{ event: 'third' }] }) };
    expect((await fetch(`${upstream.origin}/batch/`, keyless)).status).toBe(401);
    expect(upstream.posthog.events).toHaveLength(1);
  });
});
