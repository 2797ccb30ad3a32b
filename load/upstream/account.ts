import type { SimulatedModel } from './models.ts';

/** Token counts as OpenRouter reports them: cached ones within prompt, reasoning within completion. */
export interface Tokens {
  prompt: number;
  completion: number;
  cached: number;
  cacheWrite: number;
  reasoning: number;
}

/** One request in the simulator's own account of what it served and bills. */
export interface Entry {
  order: number;
  generation_id: string;
  requested_model: string;
  model: string;
  fault: string | null;
  streamed: boolean;
  status: number;
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
  cache_write_tokens: number;
  reasoning_tokens: number;
  cost_nano_usd: number;
  billed: boolean;
  /** The answer has ended, one way or another, and its cost is final. */
  settled: boolean;
  /** The client went away before the end. */
  cancelled: boolean;
  chunks_sent: number;
  /** Who pays: the request's `Authorization`. */
  payer: string;
  received_headers: Record<string, string>;
}

/** Prices have at most so many decimals. */
const DECIMALS = 18;
const ATTO_PER_NANO = 10n ** 9n;

function atto(decimal: string): bigint {
  const [whole = '0', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.padEnd(DECIMALS, '0'));
}

/** What tokens cost, exactly, in 1e-18 USD. Deliberately not the gateway's arithmetic: tests compare the two. */
export function costAtto(model: SimulatedModel, tokens: Tokens): bigint {
  const fresh = BigInt(tokens.prompt - tokens.cached - tokens.cacheWrite);
  return (
    fresh * atto(model.prompt) +
    BigInt(tokens.cached) * atto(model.cacheRead) +
    BigInt(tokens.cacheWrite) * atto(model.cacheWrite) +
    BigInt(tokens.completion) * atto(model.completion)
  );
}

/** The exact cost as the JSON number that goes over the wire, in USD. */
export function costUsd(cost: bigint): number {
  const digits = cost.toString().padStart(DECIMALS + 1, '0');
  return Number(`${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`);
}

/** Rounded half up to nano-dollars. */
export function nanoOf(cost: bigint): number {
  return Number((cost + ATTO_PER_NANO / 2n) / ATTO_PER_NANO);
}

/** The simulator's account of all requests, in the order in which they came. */
export class Account {
  entries: Entry[] = [];
  readonly #lastBodies = new Map<string | null, string>();
  readonly failuresLeft = new Map<string, number>();
  readonly #generations = new Map<string, number>();
  readonly #byGeneration = new Map<string, Entry>();
  readonly #asked = new Map<string, number>();
  /** A generation is not told before it was asked for so often, at most; how often depends on its id. */
  slowestGeneration = 0;

  /** Enters a request; asked again, the same has another generation id, or it could not be told apart. */
  open(entry: Omit<Entry, 'order'>): Entry {
    const times = (this.#generations.get(entry.generation_id) ?? 0) + 1;
    this.#generations.set(entry.generation_id, times);
    const generation_id = times === 1 ? entry.generation_id : `${entry.generation_id}-${times}`;
    const opened = { order: this.entries.length, ...entry, generation_id };
    this.entries.push(opened);
    this.#byGeneration.set(generation_id, opened);
    return opened;
  }

  /** Keeps what a request said, as the last one of all and of those with its title (`X-Title`). */
  received(body: string, title: string | undefined): void {
    this.#lastBodies.set(null, body);
    if (title !== undefined) this.#lastBodies.set(title, body);
  }

  /** The last body that was received, of those with a title or of all; '' for none. */
  lastBody(title: string | null = null): string {
    return this.#lastBodies.get(title) ?? '';
  }

  clear(): void {
    this.entries = [];
    this.failuresLeft.clear();
    this.#byGeneration.clear();
  }

  find(generationId: string): Entry | undefined {
    return this.#byGeneration.get(generationId);
  }

  /** Whether a generation is told by now. */
  isTold(generationId: string): boolean {
    const asked = this.#asked.get(generationId) ?? 0;
    this.#asked.set(generationId, asked + 1);
    const digits = [...generationId].reduce((sum, digit) => sum + digit.charCodeAt(0), 0);
    return asked >= digits % (this.slowestGeneration + 1);
  }

  /** Of all requests, or of those that one `Authorization` pays. */
  total(payer?: string) {
    const entries = this.entries.filter((entry) => payer === undefined || entry.payer === payer);
    const sum = (
      field:
        | 'prompt_tokens'
        | 'completion_tokens'
        | 'cached_tokens'
        | 'cache_write_tokens'
        | 'reasoning_tokens'
        | 'cost_nano_usd',
    ) => entries.reduce((total, entry) => total + (entry.billed ? entry[field] : 0), 0);
    return {
      requests: entries.length,
      billed: entries.filter((entry) => entry.billed).length,
      prompt_tokens: sum('prompt_tokens'),
      completion_tokens: sum('completion_tokens'),
      cached_tokens: sum('cached_tokens'),
      cache_write_tokens: sum('cache_write_tokens'),
      reasoning_tokens: sum('reasoning_tokens'),
      cost_nano_usd: sum('cost_nano_usd'),
    };
  }
}
