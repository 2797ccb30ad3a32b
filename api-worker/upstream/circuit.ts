import { type CircuitBreakerPolicy, CircuitState, CountBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import { logLine } from '../http/log.ts';
import { AttemptFailure } from './failure.ts';

/**
 * A circuit opens when more than so many of the last calls failed, and there were so many at least. Under
 * a half, since an answer that breaks off counts twice: for its beginning, and against its end.
 */
const THRESHOLD = 0.45;
const CALLS = 20;
const CALLS_MIN = 10;
/** How long it stays open before one call may probe. */
const OPEN_MS = 30_000;
/** When to look again while one probes. */
const PROBE_MS = 1_000;
/** A probe that takes longer is lost: the runtime ended its request before it settled. */
const PROBE_LOST_MS = 180_000;

/** One model's circuit as this isolate sees it. */
export class Circuit {
  readonly #model: string;
  readonly #onChange: () => void;
  #policy: CircuitBreakerPolicy;
  /** Unix ms; 0: closed. */
  #openUntil = 0;
  /** When the last probe began, Unix ms. */
  #probedAt = 0;

  /** @param onChange is called when it opens or closes by what was seen here. */
  constructor(model: string, onChange: () => void) {
    this.#model = model;
    this.#onChange = onChange;
    this.#policy = this.#newPolicy(null);
  }

  /** Until when it is open, Unix ms; 0: it is closed. */
  get openUntil(): number {
    return this.#openUntil;
  }

  /** How long no call may be made, ms; 0: one may. */
  closedFor(): number {
    const { state } = this.#policy;
    if (state === CircuitState.HalfOpen) {
      if (Date.now() - this.#probedAt < PROBE_LOST_MS) return PROBE_MS;
      this.#policy = this.#newPolicy(this.#openUntil - OPEN_MS);
      return 0;
    }
    return state === CircuitState.Open ? Math.max(0, this.#openUntil - Date.now()) : 0;
  }

  /**
   * Makes a call and counts how it went.
   *
   * @throws AttemptFailure the call's, or `circuit_open` without having made it.
   */
  async run<T>(call: () => Promise<T>): Promise<T> {
    const retryAfterMs = this.closedFor();
    if (retryAfterMs > 0) throw new AttemptFailure('circuit_open', { retryAfterMs });
    const probes = this.#policy.state !== CircuitState.Closed;
    try {
      return await this.#policy.execute(probes ? () => probe(call) : call);
    } catch (error) {
      throw error instanceof LostProbe ? error.cause : error;
    }
  }

  /** Counts a failure that came after the call had been counted as a success: an answer that broke off. */
  async report(failure: AttemptFailure): Promise<void> {
    // Whether an open circuit may be closed is for a call to find out that is made now.
    if (this.#policy.state !== CircuitState.Closed) return;
    await this.#policy.execute(() => Promise.reject(failure)).catch(() => undefined);
  }

  /** Takes over what another isolate has seen, unless this one knows of trouble itself. */
  openUntilTold(openUntil: number): void {
    if (openUntil <= Date.now() || this.#policy.state !== CircuitState.Closed) return;
    this.#openUntil = openUntil;
    this.#policy = this.#newPolicy(openUntil - OPEN_MS);
  }

  /** @param openedAt Unix ms, of a circuit that is open already. */
  #newPolicy(openedAt: number | null): CircuitBreakerPolicy {
    const breaker = new CountBreaker({ threshold: THRESHOLD, size: CALLS, minimumNumberOfCalls: CALLS_MIN });
    // As cockatiel's `toJSON()` writes it.
    const open = { ownState: { value: CircuitState.Open, openedAt, attemptNo: 1 }, breakerState: breaker.state };
    const policy = circuitBreaker(handleWhen(speaksAgainst), {
      halfOpenAfter: OPEN_MS,
      breaker,
      ...(openedAt !== null && { initialState: open }),
    });
    policy.onHalfOpen(() => {
      this.#probedAt = Date.now();
    });
    // A probe that was given up as lost may still end, and has nothing to say any more.
    policy.onBreak(() => policy === this.#policy && this.#changed(Date.now() + OPEN_MS));
    policy.onReset(() => {
      if (policy !== this.#policy) return;
      // What failed before the circuit opened is not held against the model twice.
      this.#policy = this.#newPolicy(null);
      this.#changed(0);
    });
    return policy;
  }

  #changed(openUntil: number): void {
    this.#openUntil = openUntil;
    logLine(openUntil > 0 ? 'error' : 'info', {
      event: 'circuit',
      model: this.#model,
      state: openUntil > 0 ? 'open' : 'closed',
    });
    this.#onChange();
  }
}

/** A call that ended before the model could show anything: a probe that was none. */
class LostProbe extends Error {}

async function probe<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const kind = error instanceof AttemptFailure ? error.kind : null;
    if (kind !== 'client_left' && kind !== 'outrun' && kind !== 'unaffordable') throw error;
    throw new LostProbe('the probe told nothing', { cause: error });
  }
}

/** What speaks against the model, rather than against the request, our key, or the client. */
function speaksAgainst(error: Error): boolean {
  return error instanceof LostProbe || (error instanceof AttemptFailure && error.retryable);
}
