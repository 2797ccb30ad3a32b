import * as z from 'zod';
import type { Env } from '../env.ts';
import { within } from '../within.ts';
import { Circuit } from './circuit.ts';
import type { AttemptFailure } from './failure.ts';

/** KV's shortest time to live, and how long an isolate trusts what it read there. */
const KV_TTL_SECONDS = 60;
const TRUST_MS = 30_000;
/** A look into KV that takes longer is not worth a request's wait. */
const LEARN_WITHIN_MS = 500;
/** Models are named by clients: so many are remembered, the least recently used go first. */
const CIRCUITS_MAX = 1_000;

const KV_PREFIX = 'circuit:';
/** Values that KV gives at once. */
const KV_VALUES_MAX = 100;

const Shared = z.object({ openUntil: z.number() });

/** A circuit and what is known of it elsewhere. */
interface Known {
  circuit: Circuit;
  /** It opened or closed, and KV has not been told. */
  changed: boolean;
  /** Until when what KV said is trusted, Unix ms. */
  learnedUntil: number;
}

const circuits = new Map<string, Known>();

/**
 * The circuit breaker of each candidate. This isolate decides by what it sees; when a circuit opens or
 * closes, and only then, KV is written, so that a fresh isolate knows. What another isolate has opened
 * is taken over; from then on this one probes by itself.
 */
export class Circuits {
  readonly #env: Env;
  readonly #keepAlive: (work: Promise<unknown>) => void;
  /** Looks into KV that this request waits for. Another's are none of its own: they may never end. */
  readonly #learning = new Map<string, Promise<void>>();

  constructor(env: Env, keepAlive: (work: Promise<unknown>) => void) {
    this.#env = env;
    this.#keepAlive = keepAlive;
  }

  /**
   * Sees to it that what KV knows of a model is known here. Only an isolate that never heard of the
   * model has to wait; later looks happen behind the request.
   */
  learn(model: string): Promise<void> | null {
    const isNew = !circuits.has(model);
    const known = knownOf(model);
    if (known.learnedUntil > Date.now()) return this.#learning.get(model) ?? null;
    known.learnedUntil = Date.now() + TRUST_MS;
    const learning = this.#read(model, known.circuit);
    this.#keepAlive(learning);
    if (!isNew) return null;
    this.#learning.set(model, learning);
    return learning;
  }

  /** How long a model is not to be called, ms; 0: it may be. While one call probes, others stay away. */
  closedFor(model: string): number {
    return circuits.get(model)?.circuit.closedFor() ?? 0;
  }

  /**
   * Makes a call and counts how it went.
   *
   * @throws AttemptFailure the call's, or `circuit_open` without having made it.
   */
  async run<T>(model: string, call: () => Promise<T>): Promise<T> {
    const known = knownOf(model);
    try {
      return await known.circuit.run(call);
    } finally {
      this.#share(model, known);
    }
  }

  /** Counts an answer that broke off. */
  report(model: string, failure: AttemptFailure): void {
    const known = knownOf(model);
    this.#keepAlive(known.circuit.report(failure).then(() => this.#share(model, known)));
  }

  async #read(model: string, circuit: Circuit): Promise<void> {
    const read = this.#env.CACHE.get(keyOf(model), { type: 'json', cacheTtl: TRUST_MS / 1000 });
    const shared = Shared.safeParse(await within(LEARN_WITHIN_MS, read).catch(() => null));
    if (shared.success) circuit.openUntilTold(shared.data.openUntil);
  }

  /** Tells KV what has changed, if anything has. */
  #share(model: string, known: Known): void {
    if (!known.changed) return;
    known.changed = false;
    const { openUntil } = known.circuit;
    const write =
      openUntil > 0
        ? this.#env.CACHE.put(keyOf(model), JSON.stringify({ openUntil }), { expirationTtl: KV_TTL_SECONDS })
        : this.#env.CACHE.delete(keyOf(model));
    this.#keepAlive(write.catch(() => undefined));
  }
}

/**
 * The models whose circuits are known to be open, and until when, Unix ms: to this isolate, or to KV, of which up
 * to 100 are read. For looking at: it changes nothing, and no request decides by it. Without KV, this isolate's.
 */
export async function openCircuits(env: Env): Promise<{ model: string; openUntil: number }[]> {
  const open = new Map(await sharedCircuits(env).catch(() => []));
  for (const [model, { circuit }] of circuits) {
    open.set(model, Math.max(circuit.openUntil, open.get(model) ?? 0));
  }
  return [...open]
    .filter(([, openUntil]) => openUntil > Date.now())
    .map(([model, openUntil]) => ({ model, openUntil }))
    .sort((a, b) => (a.model < b.model ? -1 : 1));
}

async function sharedCircuits(env: Env): Promise<[model: string, openUntil: number][]> {
  const { keys } = await env.CACHE.list({ prefix: KV_PREFIX, limit: KV_VALUES_MAX });
  if (keys.length === 0) return [];
  const values = await env.CACHE.get(
    keys.map(({ name }) => name),
    'json',
  );
  return [...values].flatMap(([name, value]): [string, number][] => {
    const shared = Shared.safeParse(value);
    return shared.success ? [[name.slice(KV_PREFIX.length), shared.data.openUntil]] : [];
  });
}

/** The KV key of what is known of a model's circuit: `{"openUntil": Unix ms}`. */
function keyOf(model: string): string {
  return KV_PREFIX + model;
}

function knownOf(model: string): Known {
  const known = circuits.get(model) ?? newKnown(model);
  circuits.delete(model);
  circuits.set(model, known);
  const [oldest] = circuits.keys();
  if (circuits.size > CIRCUITS_MAX && oldest !== undefined) circuits.delete(oldest);
  return known;
}

function newKnown(model: string): Known {
  const onChange = (): void => {
    known.changed = true;
  };
  const known: Known = { circuit: new Circuit(model, onChange), changed: false, learnedUntil: 0 };
  return known;
}
