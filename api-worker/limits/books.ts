import type { Limits } from './limits.ts';
import { dayOf, periodOf } from './periods.ts';
import { add, amend, EMPTY_WINDOW, untilEmpty, untilRoom, used, type Window } from './sliding-window.ts';

/** A request that is not heard of for so long is taken for dead. Longer ones renew their lease. */
export const LEASE_MS = 5 * 60_000;

/** Limits with the default of requests a minute put in. */
export type ResolvedLimits = Limits & { requests_per_minute: number };

/** What a request asks to be admitted with. */
export interface Ask {
  requestId: string;
  userId: string;
  keyId: string;
  endpoint: string;
  requestedModel: string;
  /** When the request arrived, Unix ms: the UTC day and month that it counts for. */
  arrivedAt: number;
  /** Tokens that it may use: a likely amount. */
  tokens: number;
  /** What it may cost: an upper bound. 0 where the account has no budget. */
  costNanoUsd: number;
  limits: ResolvedLimits;
  /** Requests a minute of this key alone; null: it shares the account's. */
  keyRateLimit: number | null;
}

/** An admitted request that has not ended. */
export interface Reservation extends Omit<Ask, 'limits' | 'keyRateLimit'> {
  admittedAt: number;
  /** Unix ms, when it is taken for dead unless it is renewed before. */
  leaseUntil: number;
}

/** A request that ended and whose cost is not, or not wholly, known: it counts as reserved until the truth is. */
export interface Hold extends Pick<Reservation, 'requestId' | 'arrivedAt' | 'costNanoUsd'> {
  /** What is known of the cost and booked, with the hold for what may come on top of it; null: nothing is known. */
  bookedNanoUsd: number | null;
}

/** What was used and is known, of one UTC day. */
export interface Used {
  /** Requests that ended. */
  requests: number;
  /** Those of a request that did not say are counted as it had estimated them. */
  tokens: number;
  /** Without what is held. */
  cost_nano_usd: number;
}

/** What a request turned out to use. Null: not known. */
export interface Settlement {
  tokens: number | null;
  costNanoUsd: number | null;
  /** Of a known cost: what attempts whose cost is not known may have cost beyond it. */
  heldNanoUsd?: number;
}

type LimitName = 'requests' | 'tokens' | 'concurrency' | 'month_requests' | 'month_tokens' | 'budget';

export interface Refusal {
  limit: LimitName;
  /** ms until trying again makes sense; Infinity: never, the request is too large for the limit. */
  retryAfterMs: number;
  /** What the limit is, and what of it is free. Of a budget: nano-dollars. */
  granted: number;
  free: number;
  /** Of a budget or quota: what it is for. */
  period?: 'day' | 'month';
  /** Whether requests in progress take up what is missing, so that their end may free it. */
  inProgress: boolean;
}

/** A limit as it stands. */
export interface Standing {
  limit: number;
  remaining: number;
  resetMs: number;
}

/** Sums of a period. */
export interface Totals {
  used: Used;
  /** Requests that ended and whose cost is not wholly known, and the upper bounds of what is not. */
  held_requests: number;
  held_nano_usd: number;
  /** What open requests asked for. */
  reserved: Used;
}

/** What every answer tells. */
export interface Rates {
  requests: Standing;
  tokens: Standing | null;
}

export type Verdict = { refusal: Refusal | null } & Rates;

/** The state that outlives the object's memory. */
export interface BooksState {
  requests: Window;
  tokens: Window;
  /** Of keys that have a rate limit of their own. */
  keys: Record<string, Window>;
  days: Map<number, Used>;
  open: Map<string, Reservation>;
  held: Map<string, Hold>;
}

export function emptyState(): BooksState {
  return {
    requests: EMPTY_WINDOW,
    tokens: EMPTY_WINDOW,
    keys: {},
    days: new Map(),
    open: new Map(),
    held: new Map(),
  };
}

/**
 * One account's books: what is admitted, reserved, held and used. Pure: the clock is an argument, and
 * storing is the caller's.
 *
 * Of every period, what is settled, held and reserved together never passes the budget or quota: a
 * request is admitted only if its upper bound still fits, and ends at its truth, or is held at the bound.
 */
export class Books {
  readonly state: BooksState;

  constructor(state: BooksState = emptyState()) {
    this.state = state;
  }

  /** Decides over a request and, if it may go on, reserves what it asks for. Asking again changes nothing. */
  admit(ask: Ask, now: number): Verdict {
    const { state } = this;
    if (state.open.has(ask.requestId)) return { refusal: null, ...this.rates(ask, now) };
    const refusal = this.#refusalOf(ask, now);
    if (!refusal) {
      const { limits: _, keyRateLimit: __, ...reserved } = ask;
      this.#countRequest(ask, now);
      state.tokens = add(state.tokens, ask.tokens, now);
      state.open.set(ask.requestId, { ...reserved, admittedAt: now, leaseUntil: now + LEASE_MS });
    }
    return { refusal, ...this.rates(ask, now) };
  }

  /**
   * Raises what a request reserves to a new bound of its cost, if the budgets have room for it; false:
   * they have not, or the request is not open. Asking again changes nothing.
   */
  raise(requestId: string, costNanoUsd: number, limits: ResolvedLimits): boolean {
    const open = this.state.open.get(requestId);
    if (!open) return false;
    const more = costNanoUsd - open.costNanoUsd;
    if (more <= 0) return true;
    const budgets = { ...limits, requests_per_month: null, tokens_per_month: null };
    if (this.#budgetRefusal({ ...open, costNanoUsd: more, limits: budgets }, open.arrivedAt)) return false;
    this.state.open.set(requestId, { ...open, costNanoUsd });
    return true;
  }

  /** Says that a request lives; false: it was taken for dead, or has ended. */
  renew(requestId: string, now: number): boolean {
    const reservation = this.state.open.get(requestId);
    if (!reservation) return false;
    this.state.open.set(requestId, { ...reservation, leaseUntil: now + LEASE_MS });
    return true;
  }

  /** Takes back an admission of which nothing came: neither what it reserved nor the request is counted. */
  release(requestId: string, now: number): boolean {
    const open = this.state.open.get(requestId);
    if (!open) return false;
    this.state.open.delete(requestId);
    this.state.tokens = amend(this.state.tokens, -open.tokens, open.admittedAt, now);
    return true;
  }

  /**
   * Ends a request: the truth replaces the reservation, or, of an unknown cost, a hold does. The truth
   * about a request on hold replaces the hold. Returns false for a request that is neither.
   */
  settle(requestId: string, settlement: Settlement, now: number): boolean {
    const { state } = this;
    const open = state.open.get(requestId);
    if (open) {
      state.open.delete(requestId);
      const tokens = settlement.tokens ?? open.tokens;
      state.tokens = amend(state.tokens, tokens - open.tokens, open.admittedAt, now);
      this.#book(open, { requests: 1, tokens, cost_nano_usd: settlement.costNanoUsd ?? 0 });
      this.#hold(open, settlement, open.costNanoUsd);
      return true;
    }
    const hold = state.held.get(requestId);
    if (!hold) return false;
    if (hold.bookedNanoUsd === null && settlement.costNanoUsd !== null) {
      state.held.delete(requestId);
      this.#book(hold, { cost_nano_usd: settlement.costNanoUsd });
      this.#hold(hold, settlement, 0);
    }
    return true;
  }

  /** Puts what a request on hold did cost, in all, in the place of its hold; false: it is on none. */
  resolve(requestId: string, costNanoUsd: number): boolean {
    const hold = this.state.held.get(requestId);
    if (!hold) return false;
    this.state.held.delete(requestId);
    this.#book(hold, { cost_nano_usd: costNanoUsd - (hold.bookedNanoUsd ?? 0) });
    return true;
  }

  /** Books a request that was admitted without these books. Telling it twice counts it twice. */
  charge(arrivedAt: number, settlement: Settlement): void {
    const { tokens, costNanoUsd } = settlement;
    this.#book({ arrivedAt }, { requests: 1, tokens: tokens ?? 0, cost_nano_usd: costNanoUsd ?? 0 });
  }

  /** Takes requests whose lease has run out for dead: they are held at what they reserved, and returned. */
  expire(now: number): Reservation[] {
    const dead = [...this.state.open.values()].filter(({ leaseUntil }) => leaseUntil <= now);
    for (const { requestId } of dead) this.settle(requestId, { tokens: null, costNanoUsd: null }, now);
    return dead;
  }

  /** The end of the first lease, Unix ms; null: no request is open. */
  firstLeaseEnd(): number | null {
    const ends = [...this.state.open.values()].map(({ leaseUntil }) => leaseUntil);
    return ends.length > 0 ? Math.min(...ends) : null;
  }

  /**
   * Puts the ledger's sums of a day in place of ours, and lets go of the holds whose truth the ledger
   * knows by now. Only if the ledger has all that we have of the day: what it still lacks was spent
   * all the same. Returns whether it had.
   */
  rebase(day: number, ledger: Used, priced: readonly string[]): boolean {
    const ours = this.state.days.get(day);
    if (ours && ledger.requests < ours.requests) return false;
    for (const requestId of priced) this.state.held.delete(requestId);
    this.state.days.set(day, { ...ledger });
    return true;
  }

  /** Forgets the days, and the holds, before one. */
  forgetBefore(day: number): void {
    for (const known of this.state.days.keys()) if (known < day) this.state.days.delete(known);
    for (const [id, hold] of this.state.held) if (hold.arrivedAt < day) this.state.held.delete(id);
  }

  /** What the limits leave at this moment. */
  rates({ limits, keyId, keyRateLimit }: Pick<Ask, 'limits' | 'keyId' | 'keyRateLimit'>, now: number): Rates {
    const requests = keyRateLimit === null ? this.state.requests : (this.state.keys[keyId] ?? EMPTY_WINDOW);
    return {
      requests: standing(requests, keyRateLimit ?? limits.requests_per_minute, now),
      tokens: limits.tokens_per_minute === null ? null : standing(this.state.tokens, limits.tokens_per_minute, now),
    };
  }

  /** Sums of a period of whole UTC days: what is used, what it may cost beyond that, and what is reserved. */
  totals(from: number, to: number): Totals {
    const within = (time: number) => time >= from && time < to;
    const totals: Totals = { used: { ...NOTHING }, held_requests: 0, held_nano_usd: 0, reserved: { ...NOTHING } };
    for (const [day, known] of this.state.days) if (within(day)) totals.used = plus(totals.used, known);
    for (const hold of this.state.held.values()) {
      if (!within(hold.arrivedAt)) continue;
      totals.held_requests += 1;
      totals.held_nano_usd += hold.costNanoUsd;
    }
    for (const { arrivedAt, tokens, costNanoUsd } of this.state.open.values()) {
      if (within(arrivedAt))
        totals.reserved = plus(totals.reserved, { requests: 1, tokens, cost_nano_usd: costNanoUsd });
    }
    return totals;
  }

  #countRequest({ keyId, keyRateLimit }: Ask, now: number): void {
    const { state } = this;
    if (keyRateLimit === null) {
      state.requests = add(state.requests, 1, now);
      return;
    }
    const live = Object.entries(state.keys).filter(([, window]) => untilEmpty(window, now) > 0);
    state.keys = { ...Object.fromEntries(live), [keyId]: add(state.keys[keyId] ?? EMPTY_WINDOW, 1, now) };
  }

  #hold(
    { requestId, arrivedAt }: Pick<Hold, 'requestId' | 'arrivedAt'>,
    { costNanoUsd: cost, heldNanoUsd = 0 }: Settlement,
    unknownNanoUsd: number,
  ): void {
    const costNanoUsd = cost === null ? unknownNanoUsd : heldNanoUsd;
    if (costNanoUsd > 0) this.state.held.set(requestId, { requestId, arrivedAt, costNanoUsd, bookedNanoUsd: cost });
  }

  #book({ arrivedAt }: Pick<Hold, 'arrivedAt'>, amount: Partial<Used>): void {
    const day = dayOf(arrivedAt);
    this.state.days.set(day, plus(this.state.days.get(day) ?? NOTHING, { ...NOTHING, ...amount }));
  }

  #refusalOf(ask: Ask, now: number): Refusal | null {
    const { limits, keyRateLimit } = ask;
    const { state } = this;
    const window = keyRateLimit === null ? state.requests : (state.keys[ask.keyId] ?? EMPTY_WINDOW);
    return (
      this.#budgetRefusal(ask, now) ??
      rateRefusal('requests', window, 1, keyRateLimit ?? limits.requests_per_minute, now) ??
      rateRefusal('tokens', state.tokens, ask.tokens, limits.tokens_per_minute, now) ??
      this.#concurrencyRefusal(limits.concurrent_requests)
    );
  }

  #concurrencyRefusal(limit: number | null): Refusal | null {
    const free = limit === null ? Number.POSITIVE_INFINITY : limit - this.state.open.size;
    if (limit === null || free >= 1) return null;
    return {
      limit: 'concurrency',
      retryAfterMs: limit === 0 ? Number.POSITIVE_INFINITY : 1000,
      granted: limit,
      free: 0,
      inProgress: true,
    };
  }

  /** First, because waiting does not help against them as it does against the others. */
  #budgetRefusal(
    { arrivedAt, costNanoUsd, tokens, limits }: Pick<Ask, 'arrivedAt' | 'costNanoUsd' | 'tokens' | 'limits'>,
    now: number,
  ): Refusal | null {
    const asked: readonly [LimitName, 'day' | 'month', keyof Used, number, number | null][] = [
      ['budget', 'month', 'cost_nano_usd', costNanoUsd, limits.budget_month_nano_usd],
      ['budget', 'day', 'cost_nano_usd', costNanoUsd, limits.budget_day_nano_usd],
      ['month_requests', 'month', 'requests', 1, limits.requests_per_month],
      ['month_tokens', 'month', 'tokens', tokens, limits.tokens_per_month],
    ];
    for (const [limit, period, sum, amount, granted] of asked) {
      if (granted === null) continue;
      const { from, to } = periodOf(period, arrivedAt);
      const { used, held_nano_usd, reserved } = this.totals(from, to);
      const gone = used[sum] + (sum === 'cost_nano_usd' ? held_nano_usd : 0);
      const free = granted - gone - reserved[sum];
      if (amount <= free) continue;
      const inProgress = gone + amount <= granted;
      const retryAfterMs = amount > granted ? Number.POSITIVE_INFINITY : inProgress ? 1000 : to - now;
      return { limit, period, retryAfterMs, granted, free: Math.max(0, free), inProgress };
    }
    return null;
  }
}

export const NOTHING: Used = { requests: 0, tokens: 0, cost_nano_usd: 0 };

function plus(a: Used, b: Used): Used {
  return {
    requests: a.requests + b.requests,
    tokens: a.tokens + b.tokens,
    cost_nano_usd: a.cost_nano_usd + b.cost_nano_usd,
  };
}

function standing(window: Window, limit: number, now: number): Standing {
  return {
    limit,
    remaining: Math.max(0, Math.floor(limit - used(window, now))),
    resetMs: untilEmpty(window, now),
  };
}

function rateRefusal(
  limit: LimitName,
  window: Window,
  amount: number,
  granted: number | null,
  now: number,
): Refusal | null {
  if (granted === null) return null;
  const retryAfterMs = untilRoom(window, amount, granted, now);
  if (retryAfterMs === 0) return null;
  return {
    limit,
    retryAfterMs,
    granted,
    free: Math.max(0, Math.floor(granted - used(window, now))),
    inProgress: false,
  };
}
