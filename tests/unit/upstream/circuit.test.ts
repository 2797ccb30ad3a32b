import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Circuit } from '../../../api-worker/upstream/circuit.ts';
import { AttemptFailure, type FailureKind } from '../../../api-worker/upstream/failure.ts';

const NOW = Date.UTC(2026, 10, 10, 12);
const OPEN_MS = 30_000;
const LOST_MS = 180_000;
const DOWN = new AttemptFailure('refused', { status: 503 });

let logged: string[];
let changes: number[];
let circuit: Circuit;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
  logged = [];
  for (const method of ['error', 'log'] as const)
    vi.spyOn(console, method).mockImplementation((line: string) => void logged.push(line));
  changes = [];
  circuit = new Circuit('a/model', () => changes.push(circuit.openUntil));
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const later = (ms: number) => vi.setSystemTime(Date.now() + ms);

/** Makes a call that ends at once, and says how: by the kind of its failure. */
function call(failure: AttemptFailure | null): Promise<'answer' | FailureKind> {
  const made = () => (failure ? Promise.reject(failure) : Promise.resolve('answer' as const));
  return circuit.run(made).catch((error: AttemptFailure) => error.kind);
}

async function calls(count: number, failure: AttemptFailure | null): Promise<void> {
  for (let n = 0; n < count; n += 1) await call(failure);
}

/** A call whose end the test decides. */
function pending() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const ended = circuit.run(() => promise).catch((error: AttemptFailure) => error.kind);
  return { resolve, reject, ended };
}

describe('a closed circuit', () => {
  it('opens with the tenth call that fails, and not before', async () => {
    await calls(9, DOWN);
    expect(circuit.closedFor()).toBe(0);
    expect(await call(DOWN)).toBe('refused');
    expect(circuit.closedFor()).toBe(OPEN_MS);
    expect(circuit.openUntil).toBe(NOW + OPEN_MS);
    expect(changes).toEqual([NOW + OPEN_MS]);
  });

  it('opens only when more than nine of twenty calls fail', async () => {
    await calls(11, null);
    await calls(9, DOWN);
    expect(circuit.closedFor()).toBe(0);
    await calls(1, DOWN);
    expect(circuit.closedFor()).toBe(OPEN_MS);
  });

  it('looks at the last twenty calls, however long ago they were', async () => {
    await calls(40, null);
    for (let failed = 0; failed < 10; failed += 1) {
      expect(circuit.closedFor(), `after ${failed}`).toBe(0);
      later(60_000);
      await call(DOWN);
    }
    expect(circuit.closedFor()).toBe(OPEN_MS);
  });

  it('opens when every answer begins and then breaks off', async () => {
    for (let stream = 0; stream < 5; stream += 1) {
      expect(await call(null)).toBe('answer');
      await circuit.report(new AttemptFailure('died'));
    }
    expect(circuit.closedFor()).toBe(OPEN_MS);
  });

  it.each([
    new AttemptFailure('refused', { status: 408 }),
    new AttemptFailure('refused', { status: 429 }),
    new AttemptFailure('refused', { status: 502 }),
    new AttemptFailure('unreachable'),
    new AttemptFailure('network'),
    new AttemptFailure('timeout'),
    new AttemptFailure('empty'),
    new AttemptFailure('died'),
  ])('counts $message', async (failure) => {
    await calls(10, failure);
    expect(circuit.closedFor()).toBe(OPEN_MS);
  });

  it.each([
    new AttemptFailure('refused', { status: 400 }),
    new AttemptFailure('refused', { status: 401 }),
    new AttemptFailure('refused', { status: 402 }),
    new AttemptFailure('refused', { status: 404 }),
    new AttemptFailure('client_left'),
    new AttemptFailure('outrun'),
    new AttemptFailure('unaffordable'),
    new AttemptFailure('unjoined'),
  ])('counts $message neither against the model nor for it', async (failure) => {
    await calls(9, DOWN);
    await calls(100, failure);
    expect(circuit.closedFor()).toBe(0);
    await calls(1, DOWN);
    expect(circuit.closedFor()).toBe(OPEN_MS);
  });
});

describe('an open circuit', () => {
  beforeEach(() => calls(10, DOWN));

  it('refuses calls without making them, and says for how long', async () => {
    later(10_000);
    const made = vi.fn(() => Promise.resolve());
    await expect(circuit.run(made)).rejects.toMatchObject({ kind: 'circuit_open', retryAfterMs: 20_000 });
    expect(made).not.toHaveBeenCalled();
  });

  it('lets one call probe after 30 s, while others are refused', async () => {
    later(OPEN_MS - 1);
    expect(circuit.closedFor()).toBe(1);
    later(1);
    expect(circuit.closedFor()).toBe(0);
    const probe = pending();
    expect(circuit.closedFor()).toBeGreaterThan(0);
    expect(await call(null)).toBe('circuit_open');
    probe.resolve('answer');
    expect(await probe.ended).toBe('answer');
    expect(await call(null)).toBe('answer');
  });

  it('closes when the probe succeeds, with a clean slate', async () => {
    later(OPEN_MS);
    await call(null);
    expect(circuit.openUntil).toBe(0);
    expect(changes).toEqual([NOW + OPEN_MS, 0]);
    expect(logged.map((line) => JSON.parse(line))).toEqual([
      { level: 'error', event: 'circuit', model: 'a/model', state: 'open' },
      { level: 'info', event: 'circuit', model: 'a/model', state: 'closed' },
    ]);
    await calls(8, DOWN);
    expect(circuit.closedFor()).toBe(0);
  });

  it('closes when the probe shows that the model answers, be it with a refusal', async () => {
    later(OPEN_MS);
    expect(await call(new AttemptFailure('refused', { status: 400 }))).toBe('refused');
    expect(circuit.openUntil).toBe(0);
    await calls(9, DOWN);
    expect(circuit.closedFor(), 'with a clean slate').toBe(0);
  });

  it('does not take an old answer that breaks off for the probe', async () => {
    later(OPEN_MS);
    await circuit.report(new AttemptFailure('died'));
    expect(circuit.closedFor()).toBe(0);
    expect(await call(null)).toBe('answer');
  });

  it('hears of the probe alone how it went, not of calls that began before', async () => {
    vi.setSystemTime(NOW - 1_000);
    circuit = new Circuit('a/model', () => undefined);
    const old = pending();
    await calls(10, DOWN);
    later(OPEN_MS);
    const probe = pending();
    old.reject(new AttemptFailure('client_left'));
    expect(await old.ended).toBe('client_left');
    probe.resolve('answer');
    await probe.ended;
    expect(circuit.openUntil).toBe(0);
    expect(await call(null)).toBe('answer');
  });

  it.each([
    DOWN,
    new AttemptFailure('timeout'),
    new AttemptFailure('client_left'),
    new AttemptFailure('outrun'),
    new AttemptFailure('unaffordable'),
  ])('opens again when the probe ends with $message', async (failure) => {
    later(OPEN_MS);
    expect(await call(failure)).toBe(failure.kind);
    expect(circuit.closedFor()).toBe(OPEN_MS);
    expect(changes).toEqual([NOW + OPEN_MS, NOW + 2 * OPEN_MS]);
    later(OPEN_MS);
    expect(await call(null)).toBe('answer');
    expect(circuit.openUntil).toBe(0);
  });

  it('gives up a probe that does not settle within 3 minutes, and lets another one', async () => {
    later(OPEN_MS);
    const lost = pending();
    later(LOST_MS - 1);
    expect(await call(null)).toBe('circuit_open');
    later(1);
    expect(circuit.closedFor()).toBe(0);
    const next = pending();
    expect(await call(null), 'again one at a time').toBe('circuit_open');
    next.resolve('answer');
    await next.ended;
    expect(circuit.openUntil).toBe(0);
    const told = changes.length;
    lost.reject(DOWN);
    expect(await lost.ended).toBe('refused');
    expect([circuit.openUntil, changes.length], 'the lost one has nothing to say any more').toEqual([0, told]);
    expect(await call(null)).toBe('answer');
  });
});

describe('a circuit that is told of another isolate’s', () => {
  it('is open until then, tells nobody, and probes by itself', async () => {
    circuit.openUntilTold(NOW + 10_000);
    expect(await call(null)).toBe('circuit_open');
    expect(circuit.closedFor()).toBe(10_000);
    expect(circuit.openUntil).toBe(NOW + 10_000);
    expect(changes).toEqual([]);
    later(10_000);
    const probe = pending();
    expect(await call(null)).toBe('circuit_open');
    probe.reject(DOWN);
    await probe.ended;
    expect(circuit.openUntil).toBe(NOW + 10_000 + OPEN_MS);
    expect(changes).toEqual([NOW + 10_000 + OPEN_MS]);
    later(OPEN_MS);
    expect(await call(null)).toBe('answer');
    expect(circuit.openUntil).toBe(0);
  });

  it('takes no notice of what is over', async () => {
    circuit.openUntilTold(NOW);
    expect(circuit.openUntil).toBe(0);
    expect(await call(null)).toBe('answer');
  });

  it('keeps to what it knows itself, open or probing', async () => {
    await calls(10, DOWN);
    circuit.openUntilTold(NOW + 60_000);
    expect(circuit.openUntil).toBe(NOW + OPEN_MS);
    later(OPEN_MS);
    const probe = pending();
    circuit.openUntilTold(NOW + 60_000);
    probe.resolve('answer');
    await probe.ended;
    expect(circuit.openUntil).toBe(0);
    expect(await call(null)).toBe('answer');
  });
});
