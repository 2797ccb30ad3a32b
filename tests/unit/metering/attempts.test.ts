import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../../api-worker/env.ts';
import { meterAttempts } from '../../../api-worker/metering/attempts.ts';
import { AttemptFailure } from '../../../api-worker/upstream/failure.ts';
import { generationOf } from '../../../api-worker/upstream/generation.ts';
import type { AttemptRecord } from '../../../api-worker/upstream/journal.ts';
import type { Generation } from '../../../shared/generation.ts';

const NO_ENV = {} as unknown as Env;
const DIED = new AttemptFailure('died');
const OUTRUN = new AttemptFailure('outrun');
const refused = (status: number) => new AttemptFailure('refused', { status });

/** 40 characters are ten tokens. */
const PROMPT = { json: 'x'.repeat(40), images: 0 };
const meter = (...attempts: AttemptRecord[]) => meterAttempts(NO_ENV, attempts, PROMPT);

/** An attempt whose transcript is these events, and of which the upstream knows nothing afterwards. */
function attempt(change: Partial<AttemptRecord> = {}, events: readonly object[] | null = null): AttemptRecord {
  const text = (events ?? []).map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
  return {
    model: 'a/asked',
    startedAt: 0,
    boundNanoUsd: 1_000,
    generationId: null,
    contentType: events && 'text/event-stream',
    transcript: events && Promise.resolve({ text, omittedBytes: 0 }),
    failure: null,
    relayed: false,
    generation: Promise.resolve(null),
    ...change,
  };
}

/** A stream's events up to its usage, cost in nano-dollars. */
const answer = (id: string, input: number, output: number, nano: number) => [
  { id, model: `${id}-dated`, provider: 'P', choices: [{ delta: { content: 'x' }, finish_reason: 'stop' }] },
  {
    id,
    model: `${id}-dated`,
    provider: 'P',
    choices: [],
    usage: {
      prompt_tokens: input,
      completion_tokens: output,
      cost: nano / 1e9,
      prompt_tokens_details: { cached_tokens: 1, cache_write_tokens: 2 },
      completion_tokens_details: { reasoning_tokens: 3 },
    },
  },
];
const cut = (id: string) => answer(id, 0, 0, 0).slice(0, 1);

const generation = (change: Partial<Generation> = {}): Promise<Generation> =>
  Promise.resolve({
    model: 'b/booked',
    provider: 'Q',
    finishReason: 'length',
    inputTokens: 20,
    outputTokens: 8,
    reasoningTokens: 4,
    cachedTokens: 5,
    costNanoUsd: 700,
    ...change,
  });

describe('what a request used', () => {
  it('is what its one attempt tells', async () => {
    expect(await meter(attempt({ relayed: true }, answer('gen-1', 10, 5, 400)))).toEqual({
      fields: {
        model: 'gen-1-dated',
        provider: 'P',
        generation_id: 'gen-1',
        finish_reason: 'stop',
        input_tokens: 10,
        output_tokens: 5,
        cached_tokens: 1,
        cache_write_tokens: 2,
        reasoning_tokens: 3,
        cost_nano_usd: 400,
        extra_cost_nano_usd: 0,
        unpriced_attempts: 0,
        unpriced: [],
        usage_source: 'provider',
      },
      heldNanoUsd: 0,
    });
  });

  it('is read from a whole answer as well', async () => {
    const [, last] = answer('gen-1', 10, 5, 400);
    const transcript = Promise.resolve({ text: JSON.stringify(last), omittedBytes: 0 });
    const whole = attempt({ relayed: true, contentType: 'application/json', transcript });
    expect((await meter(whole)).fields).toMatchObject({ generation_id: 'gen-1', cost_nano_usd: 400 });
  });

  it('is the sum over a broken stream and those that went on with it, the last of which answered', async () => {
    const { fields, heldNanoUsd } = await meter(
      attempt({ relayed: true, failure: DIED }, answer('gen-1', 10, 5, 400)),
      attempt({ relayed: true, failure: DIED, generation: generation() }, cut('gen-2')),
      attempt({ relayed: true }, answer('gen-3', 30, 2, 90)),
    );
    expect(fields).toMatchObject({
      model: 'gen-3-dated',
      generation_id: 'gen-3',
      input_tokens: 60,
      output_tokens: 15,
      cached_tokens: 7,
      cache_write_tokens: 4,
      reasoning_tokens: 10,
      cost_nano_usd: 1_190,
      extra_cost_nano_usd: 0,
      unpriced_attempts: 0,
      usage_source: 'reconciled',
    });
    expect(heldNanoUsd).toBe(0);
  });

  it('is nothing, and known to be, where every attempt was refused or none was made', async () => {
    const used = { input_tokens: 0, output_tokens: 0, cost_nano_usd: 0, extra_cost_nano_usd: 0 };
    const fields = { ...used, model: null, unpriced_attempts: 0, usage_source: 'provider' };
    const nothing = { fields, heldNanoUsd: 0 };
    expect(await meter()).toMatchObject(nothing);
    expect(await meter(attempt({ failure: refused(429) }), attempt({ failure: refused(400) }))).toMatchObject(nothing);
  });

  it('is not changed by attempts that were refused', async () => {
    const answered = attempt({ relayed: true }, answer('gen-1', 10, 5, 400));
    expect(await meter(attempt({ failure: refused(503) }), answered)).toEqual(await meter(answered));
  });
});

describe('a hedge that lost', () => {
  it('is extra cost, told by its own usage or by the upstream afterwards', async () => {
    const { fields, heldNanoUsd } = await meter(
      attempt({ failure: OUTRUN, generation: generation({ costNanoUsd: 50 }) }, cut('gen-1')),
      attempt({ relayed: true }, answer('gen-2', 10, 5, 400)),
      attempt({ failure: OUTRUN }, answer('gen-3', 1, 1, 7)),
    );
    expect(fields).toMatchObject({
      generation_id: 'gen-2',
      cost_nano_usd: 457,
      extra_cost_nano_usd: 57,
      unpriced_attempts: 0,
    });
    expect(heldNanoUsd).toBe(0);
  });

  it('is held at its bound where nobody tells what it cost', async () => {
    const { fields, heldNanoUsd } = await meter(
      attempt({ failure: OUTRUN, boundNanoUsd: 900 }),
      attempt({ relayed: true }, answer('gen-2', 10, 5, 400)),
    );
    expect(fields).toMatchObject({
      input_tokens: 10,
      cost_nano_usd: 400,
      extra_cost_nano_usd: 0,
      unpriced_attempts: 1,
      usage_source: 'provider',
    });
    expect(heldNanoUsd).toBe(900);
  });
});

describe('attempts of which nothing is known', () => {
  it('leave the cost null, not 0, their tokens estimated, and are held at their bounds together', async () => {
    const { fields, heldNanoUsd } = await meter(
      attempt({ failure: new AttemptFailure('timeout'), boundNanoUsd: 300 }),
      attempt({ failure: refused(500), boundNanoUsd: 10 }),
      attempt({ relayed: true, failure: DIED, boundNanoUsd: 500 }, cut('gen-1')),
    );
    const unknown = { cached_tokens: null, cache_write_tokens: null, reasoning_tokens: null, images: 0 };
    expect(fields).toMatchObject({
      model: 'gen-1-dated',
      generation_id: 'gen-1',
      input_tokens: 10,
      output_tokens: 1,
      cost_nano_usd: null,
      extra_cost_nano_usd: 0,
      unpriced_attempts: 2,
      unpriced: [
        {
          ...{ model: 'a/asked', generation_id: null, usage_source: 'estimated', relayed: false },
          ...{ input_tokens: 0, output_tokens: 0, ...unknown },
        },
        {
          ...{ model: 'gen-1-dated', generation_id: 'gen-1', usage_source: 'estimated', relayed: true },
          ...{ input_tokens: 10, output_tokens: 1, ...unknown },
        },
      ],
      usage_source: 'estimated',
    });
    expect(heldNanoUsd).toBe(800);
  });

  it('are estimated by what was kept of their transcript, in proportion', async () => {
    const text = `data: ${JSON.stringify({ choices: [{ delta: { content: 'x'.repeat(400) } }] })}\n\n`;
    const transcript = Promise.resolve({ text, omittedBytes: 9 * text.length });
    const { fields } = await meter(
      attempt({ relayed: true, failure: DIED, contentType: 'text/event-stream', transcript }),
    );
    expect(fields).toMatchObject({ output_tokens: 1_000, usage_source: 'estimated' });
  });

  it.each(['network', 'timeout', 'empty', 'died', 'outrun', 'client_left'] as const)(
    'may have cost something when they ended by %s',
    async (kind) => {
      const { fields, heldNanoUsd } = await meter(attempt({ failure: new AttemptFailure(kind) }));
      expect(fields).toMatchObject({ cost_nano_usd: null, unpriced_attempts: 1, usage_source: 'estimated' });
      expect(heldNanoUsd).toBe(1_000);
    },
  );

  it('make the usage of an answer an estimate, though an earlier attempt’s cost is known', async () => {
    const { fields } = await meter(
      attempt({ relayed: true, failure: DIED }, answer('gen-1', 10, 5, 400)),
      attempt({ relayed: true, failure: DIED }, cut('gen-2')),
    );
    expect(fields).toMatchObject({ cost_nano_usd: 400, unpriced_attempts: 1, usage_source: 'estimated' });
  });

  it('are those as well that tell tokens and no cost', async () => {
    const told = [{ id: 'gen-1', choices: [], usage: { prompt_tokens: 10, completion_tokens: 5 } }];
    const { fields, heldNanoUsd } = await meter(attempt({ relayed: true }, told));
    expect(fields).toMatchObject({ input_tokens: 10, cost_nano_usd: null, unpriced_attempts: 1 });
    expect(fields.unpriced).toMatchObject([{ usage_source: 'provider', input_tokens: 10, output_tokens: 5 }]);
    expect(heldNanoUsd).toBe(1_000);
  });
});

describe('what the upstream says afterwards', () => {
  it('is taken for an attempt that tells no usage itself, beside what the transcript knows', async () => {
    const { fields } = await meter(attempt({ relayed: true, generation: generation() }, cut('gen-1')));
    expect(fields).toMatchObject({
      model: 'gen-1-dated',
      provider: 'P',
      generation_id: 'gen-1',
      finish_reason: 'stop',
      input_tokens: 20,
      output_tokens: 8,
      cached_tokens: 5,
      reasoning_tokens: 4,
      cost_nano_usd: 700,
      usage_source: 'reconciled',
    });
  });

  it('names who answered where the transcript does not', async () => {
    const silent = attempt({ relayed: true, generationId: 'gen-header', generation: generation() });
    expect((await meter(silent)).fields).toMatchObject({
      model: 'b/booked',
      provider: 'Q',
      generation_id: 'gen-header',
      finish_reason: 'length',
    });
    const nameless = attempt({ relayed: true, generation: generation({ model: null }) });
    expect((await meter(nameless)).fields.model).toBe('a/asked');
  });

  it('does not replace what the attempt told itself', async () => {
    const told = attempt({ relayed: true, generation: generation() }, answer('gen-1', 10, 5, 400));
    expect((await meter(told)).fields).toMatchObject({ cost_nano_usd: 400, usage_source: 'provider' });
  });

  it('may lack tokens, which leaves the sum to those that are known', async () => {
    const { fields } = await meter(
      attempt({ relayed: true, generation: generation({ inputTokens: null, outputTokens: null }) }, cut('gen-1')),
      attempt({ relayed: true }, answer('gen-2', 10, 5, 400)),
    );
    expect(fields).toMatchObject({ input_tokens: 10, output_tokens: 5, cost_nano_usd: 1_100 });
  });
});

describe('what the upstream is asked afterwards', () => {
  const UPSTREAM = { UPSTREAM_BASE_URL: 'https://up' } as unknown as Env;
  const booked = { data: { total_cost: 7e-7, native_tokens_prompt: 20, native_tokens_completion: 8 } };
  const asked: string[] = [];
  const unasked = { generation: null };
  afterEach(() => {
    vi.restoreAllMocks();
    asked.length = 0;
  });
  const upstreamKnows = () =>
    vi.spyOn(globalThis, 'fetch').mockImplementation((url) => {
      asked.push(String(url));
      return Promise.resolve(Response.json(booked));
    });

  it('is what an answer cost that tells tokens alone', async () => {
    upstreamKnows();
    const events = answer('gen-1', 10, 5, 400);
    Object.assign((events[1] as { usage: object }).usage, { cost: undefined });
    const { fields } = await meterAttempts(UPSTREAM, [attempt({ relayed: true, ...unasked }, events)], PROMPT);
    expect(fields).toMatchObject({
      cost_nano_usd: 700,
      input_tokens: 20,
      cached_tokens: 1,
      usage_source: 'reconciled',
    });
    expect(asked).toEqual(['https://up/generation?id=gen-1']);
  });

  it('is asked by the id in the chunks, though it was looked for in the headers before', async () => {
    upstreamKnows();
    const record = attempt({ relayed: true, failure: DIED, ...unasked }, cut('gen-2'));
    expect(await generationOf(UPSTREAM, record, record.generationId)).toBeNull();
    expect((await meterAttempts(UPSTREAM, [record], PROMPT)).fields.cost_nano_usd).toBe(700);
  });

  it('is asked once, and not at all by an id that is not its own', async () => {
    upstreamKnows();
    const record = attempt({ failure: DIED, generationId: 'gen-3', ...unasked }, cut('gen-3'));
    await Promise.all([generationOf(UPSTREAM, record, 'gen-3'), meterAttempts(UPSTREAM, [record], PROMPT)]);
    const elsewhere = attempt({ failure: DIED, ...unasked }, cut('chatcmpl-4'));
    expect((await meterAttempts(UPSTREAM, [elsewhere], PROMPT)).fields.cost_nano_usd).toBeNull();
    expect(asked).toEqual(['https://up/generation?id=gen-3']);
  });
});
