import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../../api-worker/env.ts';
import { answerClient } from '../../../api-worker/upstream/answer-client.ts';
import type { Candidate } from '../../../api-worker/upstream/candidates.ts';
import { Circuits } from '../../../api-worker/upstream/circuits.ts';
import { delayBefore, failover, type UpstreamRequest } from '../../../api-worker/upstream/failover.ts';
import { AttemptFailure } from '../../../api-worker/upstream/failure.ts';
import { addFirstEventTime, timesKey } from '../../../api-worker/upstream/first-event-times.ts';
import { newJournal } from '../../../api-worker/upstream/journal.ts';
import { policyOf } from '../../../api-worker/upstream/policy.ts';

const attempts = fc.integer({ min: 1, max: 10 });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('the delay before an attempt is repeated', () => {
  it.each([
    [1, 250],
    [2, 500],
    [3, 1_000],
    [4, 2_000],
  ])('after attempt %i lies anywhere up to %i ms', (attemptNumber, bound) => {
    expect(delayBefore(attemptNumber, null, () => 0)).toBe(0);
    expect(delayBefore(attemptNumber, null, () => 0.5)).toBe(bound / 2);
    expect(delayBefore(attemptNumber, null, () => 1 - Number.EPSILON)).toBe(bound - 1);
  });

  it('is whole milliseconds, grows with the draw, and doubles its bound with each attempt', () => {
    fc.assert(
      fc.property(attempts, random, random, (attemptNumber, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        const [shorter, longer] = [low, high].map((draw) => delayBefore(attemptNumber, null, () => draw));
        expect(shorter).toBeLessThanOrEqual(longer ?? Number.NaN);
        expect(Number.isInteger(longer)).toBe(true);
        expect(longer).toBeLessThan(250 * 2 ** (attemptNumber - 1));
      }),
      { seed: 1 },
    );
  });

  it('is never under Retry-After, which only takes the place of a shorter jitter', () => {
    fc.assert(
      fc.property(attempts, fc.nat({ max: 5_000 }), random, (attemptNumber, retryAfterMs, draw) => {
        const jitter = delayBefore(attemptNumber, null, () => draw);
        const delay = delayBefore(attemptNumber, retryAfterMs, () => draw);
        expect(delay).toBe(Math.max(jitter, retryAfterMs));
      }),
      { seed: 2 },
    );
  });

  it('differs from caller to caller by itself', () => {
    expect(new Set(Array.from({ length: 50 }, () => delayBefore(10, null))).size).toBeGreaterThan(1);
  });
});

/** What each model's calls are answered with, one after the other; the last one again and again. */
type Upstream = Record<string, ((signal: AbortSignal) => Promise<Response>)[]>;

const answers = () => Promise.resolve(Response.json({ id: 'gen-1', choices: [] }));
const breaks = () => Promise.reject(new TypeError('Network connection lost.'));
const refuses = (status: number) => () => Promise.resolve(Response.json({ error: { code: status } }, { status }));
const isSilent = (signal: AbortSignal) =>
  new Promise<Response>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

let tests = 0;

/** A request to models `a`, `b`, … of an upstream outside; each costs at most its bound, with so much room in the budget. */
function request(upstream: Upstream, change: Partial<UpstreamRequest> & { room?: number; bounds?: object } = {}) {
  tests += 1;
  const test = tests;
  const { room = Number.POSITIVE_INFINITY, bounds = {}, ...rest } = change;
  const nameOf = (model: string) => model.split('/')[0] ?? '';
  const called: string[] = [];
  const reserved: number[] = [];
  vi.spyOn(globalThis, 'fetch').mockImplementation((_, init) => {
    const name = nameOf((JSON.parse(String(init?.body)) as { model: string }).model);
    called.push(name);
    const script = upstream[name] ?? [];
    const answer = script[Math.min(called.filter((one) => one === name).length, script.length) - 1] ?? answers;
    return answer(init?.signal as AbortSignal);
  });
  const env = {
    CACHE: { get: async () => null, put: async () => {} },
    UPSTREAM_BASE_URL: 'https://up',
  } as unknown as Env;
  const first: Candidate[] = Object.keys(upstream).map((name) => ({
    model: `${name}/${test}`,
    maxTokens: null,
    makeshift: false,
  }));
  const made: UpstreamRequest = {
    env,
    path: '/chat/completions',
    caller: { userId: 'u', requestId: 'r' },
    streamed: false,
    candidates: { first, more: null, insistsOn: null, tier: null },
    bodyFor: ({ model }) => JSON.stringify({ model }),
    boundOf: ({ model }) => (bounds as Record<string, number>)[nameOf(model)] ?? 100,
    async reserve(nanoUsd) {
      await scheduler.wait(1);
      if (nanoUsd <= room) reserved.push(nanoUsd);
      return nanoUsd <= room;
    },
    policy: { ...policyOf(env), retries: 1, hedgeAfterMs: 20 },
    circuits: new Circuits(env, () => undefined),
    representative: true,
    hedge: false,
    journal: newJournal(),
    signal: new AbortController().signal,
    ...rest,
  };
  const attempts = () =>
    made.journal.attempts.map(({ model, failure }) => `${nameOf(model)} ${failure?.kind ?? 'answered'}`);
  return { made, called, reserved, attempts };
}

const failureOf = (work: Promise<unknown>): Promise<AttemptFailure> =>
  work.then(
    () => Promise.reject(new Error('there was an answer')),
    (failure: AttemptFailure) => failure,
  );

describe('failover', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('leaves no trace of an attempt that was never made, for its client had left', async () => {
    const { made, called } = request({ a: [answers] }, { signal: AbortSignal.abort() });
    expect((await failureOf(failover(made))).kind).toBe('client_left');
    expect([called, made.journal.attempts]).toEqual([[], []]);
  });

  it('leaves no trace of a hedge that was outrun while its room was asked for', async () => {
    const late = () => scheduler.wait(40).then(answers);
    const asking = Promise.withResolvers<boolean>();
    let asked = 0;
    const reserve = () => (asked++ === 0 ? true : asking.promise);
    const { made, called } = request({ a: [late], b: [answers] }, { hedge: true, reserve });
    expect((await failover(made)).record.model).toMatch(/^a/);
    asking.resolve(true);
    await scheduler.wait(5);
    expect([asked, called]).toEqual([2, ['a']]);
    expect(made.journal.attempts).toHaveLength(1);
  });

  it('passes over a model that is too dear for what is left, and takes a cheaper one', async () => {
    const upstream = { dear: [isSilent], dearer: [answers], cheap: [answers] };
    const policy = { ...policyOf({} as Env), headersTimeoutMs: 20, retries: 1 };
    const { made, called, attempts } = request(upstream, {
      room: 120,
      bounds: { dear: 100, dearer: 300, cheap: 1 },
      policy,
    });
    expect((await failover(made)).record.model).toMatch(/^cheap/);
    expect(called).toEqual(['dear', 'cheap']);
    expect(attempts()).toEqual(['dear timeout', 'cheap answered']);
  });

  it('goes on without a hedge that there is no room for, and with all that comes after it', async () => {
    const late = () => scheduler.wait(40).then(refuses(503));
    const bounds = { a: 100, b: 100, c: 1 };
    const { made, called } = request(
      { a: [late, refuses(503)], b: [answers], c: [answers] },
      { hedge: true, room: 150, bounds },
    );
    expect((await failover(made)).record.model).toMatch(/^c/);
    expect(called).toContain('a');
    expect(called).not.toContain('b');
  });

  it('reserves for all attempts that run at the same time', async () => {
    const slowly = () => scheduler.wait(60).then(answers);
    const { made, reserved } = request({ a: [slowly], b: [slowly] }, { hedge: true });
    await failover(made);
    expect(Math.max(...reserved)).toBe(200);
  });

  it('hedges when the first is later than its model usually is, once that is known', async () => {
    const late = () => scheduler.wait(100).then(answers);
    const policy = { ...policyOf({} as Env), hedgeAfterMs: 10_000 };
    const { made, called } = request({ a: [late], b: [answers] }, { hedge: true, policy });
    for (let n = 0; n < 20; n += 1) addFirstEventTime(timesKey(made.candidates.first[0]?.model ?? '', false), 10);
    expect((await failover(made)).record.model).toMatch(/^b/);
    expect(called).toEqual(['a', 'b']);
  });

  it('charges nothing for an upstream that was not reached', async () => {
    const { made, reserved, attempts } = request({ a: [breaks, answers] });
    await failover(made);
    expect(attempts()).toEqual(['a unreachable', 'a answered']);
    expect(reserved).toEqual([100, 100]);
  });

  it('is not held up by an error whose body never ends', async () => {
    const endless = () =>
      Promise.resolve(new Response(new ReadableStream({ pull: () => new Promise(() => {}) }), { status: 500 }));
    const policy = { ...policyOf({} as Env), totalTimeoutMs: 1_300, retries: 0 };
    const { made, attempts } = request({ a: [endless], b: [answers] }, { policy });
    const startedAt = Date.now();
    expect((await failureOf(failover(made))).status).toBe(500);
    expect(Date.now() - startedAt).toBeLessThan(2_500);
    expect(attempts()).toEqual(['a refused']);
  });

  it('begins no attempt that could only be cut short', async () => {
    const policy = { ...policyOf({} as Env), totalTimeoutMs: 900 };
    const { made, called } = request({ a: [answers] }, { policy });
    expect((await failureOf(failover(made))).kind).toBe('timeout');
    expect(called).toEqual([]);
  });

  it('tells of an open circuit rather than of what another model refused', async () => {
    const { made, called } = request({ a: [answers], b: [refuses(400)] });
    const down = () => Promise.reject(new AttemptFailure('unreachable'));
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    for (let call = 0; call < 10; call += 1) {
      await made.circuits.run(made.candidates.first[0]?.model ?? '', down).catch(() => undefined);
    }
    const failure = await failureOf(failover(made));
    expect(failure.kind).toBe('circuit_open');
    expect(failure.retryAfterMs).toBeGreaterThan(25_000);
    expect(called).toEqual(['b']);
  });

  it('tells of its own attempts, not of those of steps before it', async () => {
    const before = request({ a: [refuses(503), answers] });
    await failover(before.made);
    const { made } = request({ b: [refuses(400)] }, { journal: before.made.journal });
    expect((await failureOf(failover(made))).status).toBe(400);
  });
});

describe('an answer that nobody wants any more', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('is no fault of its model, though whoever reads along could still be told', async () => {
    const leaving = new AbortController();
    const streams = (signal: AbortSignal) => {
      const readable = new ReadableStream({
        type: 'bytes',
        start(controller) {
          controller.enqueue(new TextEncoder().encode('data: {"id":"x","choices":[]}\n\n'));
          signal.addEventListener('abort', () => controller.error(new Error('aborted')));
        },
      });
      return Promise.resolve(new Response(readable, { headers: { 'content-type': 'text/event-stream' } }));
    };
    const { made } = request({ a: [streams] }, { streamed: true, signal: leaving.signal });
    const report = vi.spyOn(made.circuits, 'report');
    const { response, ending } = await answerClient({ ...made, requestedModel: 'a', resume: null });
    const reading = response.text().catch(() => '');
    leaving.abort(new AttemptFailure('client_left'));
    expect(await ending).toMatchObject({ end: 'client_left' });
    expect(made.journal.attempts).toMatchObject([{ failure: { kind: 'client_left' } }]);
    expect(report).not.toHaveBeenCalled();
    await reading;
  });
});
