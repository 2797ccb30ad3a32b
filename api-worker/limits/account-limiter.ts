import { DurableObject } from 'cloudflare:workers';
import { describe, logLine } from '../http/log.ts';
import { within } from '../within.ts';
import { abandoned } from './abandoned.ts';
import {
  type Ask,
  Books,
  LEASE_MS,
  NOTHING,
  type Rates,
  type ResolvedLimits,
  type Settlement,
  type Totals,
  type Verdict,
} from './books.ts';
import { BooksStorage, type Undelivered } from './books-storage.ts';
import { readLedgerDays, readPriced } from './ledger-days.ts';
import { DAY_MS, dayOf, periodOf } from './periods.ts';

/** The rollups of a day are compared some hours after its end, when its last events have long arrived. */
const REBASE_AFTER_MIDNIGHT_MS = 2 * 3_600_000;
/** Accounts spread over this, so that they do not ask D1 all at once. */
const REBASE_SPREAD_MS = 3_600_000;
const TRY_AGAIN_MS = 10_000;
/** A queue that has not answered by then is taken to have refused. */
const SEND_TIMEOUT_MS = 5_000;
const REBASE_AGAIN_MS = 3_600_000;
/** The longest rest between two looks at what is held. */
const HOLDS_REST_MAX_MS = 3_600_000;

/** How an account stands: its rates, and its sums of this day and month. */
export type AccountStanding = Rates & { day: Totals; month: Totals; concurrent_requests: number };

/**
 * One object an account: the only place that counts and reserves, so that no number of isolates
 * passes a limit. It answers one call at a time; what it decides is durable before it is heard.
 */
export class AccountLimiter extends DurableObject<ApiBindings> {
  readonly #store: BooksStorage;
  readonly #books: Books;
  /** Unix ms; null: none is set. */
  #alarmAt: number | null = null;
  /** When the ledger is asked about what is held, Unix ms; null: nothing is. */
  #holdsAt: number | null = null;
  /** Whether tokens of any request since this object began were limited: a window that limits nothing need not be kept. Null: none came yet. */
  #limitsTokens: boolean | null = null;

  constructor(ctx: DurableObjectState, env: ApiBindings) {
    super(ctx, env);
    this.#store = new BooksStorage(ctx.storage);
    this.#books = new Books(this.#store.load());
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarmAt = await ctx.storage.getAlarm();
    });
  }

  /**
   * Whether a request may go on, and if so reserves what it asks for; and which generation of the
   * account's cached answers is in force, which spares a call of its own. Safe to repeat.
   */
  admit(ask: Ask): Verdict & { cacheGeneration: number } {
    const now = Date.now();
    const verdict = this.#books.admit(ask, now);
    // Keys of one account may have different tiers.
    this.#limitsTokens ||= ask.limits.tokens_per_minute !== null;
    if (!verdict.refusal) {
      this.#store.saveWindows(this.#books.state);
      this.#store.saveReservation(ask.requestId, this.#books.state);
      if (this.#store.userId === null) this.#store.userId = ask.userId;
      this.#wakeBy(now + LEASE_MS);
    }
    return { ...verdict, cacheGeneration: this.#store.cacheGeneration };
  }

  /** Raises the generation of the account's cached answers, and returns it. */
  emptyCache(): number {
    this.#store.cacheGeneration += 1;
    return this.#store.cacheGeneration;
  }

  /** Raises what a request reserves, if the budgets have room for it. Safe to repeat. */
  raise(requestId: string, costNanoUsd: number, limits: ResolvedLimits): boolean {
    const raised = this.#books.raise(requestId, costNanoUsd, limits);
    if (raised) this.#store.saveReservation(requestId, this.#books.state);
    return raised;
  }

  /** Ends a request by what it used; false: it is not known here. Safe to repeat. */
  settle(requestId: string, settlement: Settlement): boolean {
    const { state } = this.#books;
    const arrivedAt = (state.open.get(requestId) ?? state.held.get(requestId))?.arrivedAt;
    const known = this.#books.settle(requestId, settlement, Date.now());
    if (known && arrivedAt !== undefined) this.#saveEnd(requestId, arrivedAt);
    return known;
  }

  /** Takes back an admission that nobody heard of. Safe to repeat. */
  release(requestId: string): void {
    if (!this.#books.release(requestId, Date.now())) return;
    this.#store.saveWindows(this.#books.state);
    this.#store.saveReservation(requestId, this.#books.state);
  }

  /** Books a request that was admitted while this object could not be reached. Safe to repeat. */
  charge(requestId: string, arrivedAt: number, settlement: Settlement): void {
    if (!this.#store.claimCharge(requestId, arrivedAt)) return;
    this.#books.charge(arrivedAt, settlement);
    this.#store.saveDay(dayOf(arrivedAt), this.#books.state);
  }

  /** Says that a long request lives; false: it was taken for dead. */
  renew(requestId: string): boolean {
    const alive = this.#books.renew(requestId, Date.now());
    if (alive) this.#store.saveReservation(requestId, this.#books.state);
    return alive;
  }

  /** Keeps an event that its queue would not take, and hands it on when that does. Safe to repeat. */
  keep(undelivered: Undelivered): void {
    this.#store.addToOutbox(undelivered);
    this.#wakeBy(Date.now() + TRY_AGAIN_MS);
  }

  /** What a credential's limits leave; changes nothing. */
  standing(credential: Pick<Ask, 'limits' | 'keyId' | 'keyRateLimit'>): AccountStanding {
    const now = Date.now();
    const [day, month] = [periodOf('day', now), periodOf('month', now)];
    return {
      ...this.#books.rates(credential, now),
      day: this.#books.totals(day.from, day.to),
      month: this.#books.totals(month.from, month.to),
      concurrent_requests: this.#books.state.open.size,
    };
  }

  /** Takes silent requests for dead, reports them, compares the books with the ledger, and sets the next alarm. */
  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    const now = Date.now();
    for (const reservation of this.#books.expire(now)) {
      const event = abandoned(reservation, now);
      logLine('error', { event: 'abandoned', request_id: event.request_id, user_id: event.user_id });
      this.#store.addToOutbox({ queue: 'usage', event });
      this.#saveEnd(reservation.requestId, reservation.arrivedAt);
    }
    const delivered = await this.#deliver();
    // An object that was evicted does not know when it meant to look.
    if ((this.#holdsAt ?? 0) <= now) await this.#resolveHolds(now);
    if (this.#store.rebaseAt <= now) await this.#rebase(now);
    this.#holdsAt ??= this.#nextHolds(now);
    const next = [
      this.#books.firstLeaseEnd(),
      delivered ? null : now + TRY_AGAIN_MS,
      this.#nextRebase(),
      this.#holdsAt,
    ];
    for (const time of next) if (time !== null) this.#wakeBy(time);
  }

  /** Hands on what queues would not take, and reports of dead requests; false: some are left. */
  async #deliver(): Promise<boolean> {
    const usage = await this.#deliverTo('usage', this.env.USAGE_QUEUE);
    const analytics = await this.#deliverTo('analytics', this.env.ANALYTICS_QUEUE);
    return usage && analytics;
  }

  async #deliverTo(name: Undelivered['queue'], queue: Queue): Promise<boolean> {
    for (const undelivered of this.#store.outbox(name)) {
      const { event } = undelivered;
      try {
        await within(SEND_TIMEOUT_MS, queue.send(event));
      } catch (error) {
        logLine('error', { event: 'not_delivered', queue: name, request_id: event.request_id, error: describe(error) });
        return false;
      }
      this.#store.removeFromOutbox(undelivered);
    }
    return true;
  }

  /** Lets go of holds whose cost the ledger has learnt. Those of a closed day need its sums as well: that is re-basing. */
  async #resolveHolds(now: number): Promise<void> {
    this.#holdsAt = null;
    const today = dayOf(now);
    if (this.#books.state.held.size === 0) return;
    try {
      const priced = await this.#readPriced([...this.#books.state.held.keys()], now);
      for (const { request_id, cost_nano_usd } of priced.get(today) ?? []) {
        if (!this.#books.resolve(request_id, cost_nano_usd)) continue;
        this.#store.saveHold(request_id, this.#books.state);
        this.#store.saveDay(today, this.#books.state);
      }
      if ([...priced.keys()].some((day) => day < today)) this.#store.rebaseAt = Math.min(this.#store.rebaseAt, now);
    } catch (error) {
      logLine('error', { event: 'holds_not_resolved', user_id: this.#store.userId, error: describe(error) });
    }
  }

  /** Attempts that were given up count by their estimate once the upstream has had its time to tell of them. */
  #readPriced(requestIds: readonly string[], now: number): ReturnType<typeof readPriced> {
    return readPriced(this.env.DB, requestIds, now - Number(this.env.RECONCILE_WITHIN_SECONDS) * 1_000);
  }

  /** The shortest rest between two looks at what is held. */
  get #holdsRestMs(): number {
    return Number(this.env.RECONCILE_AFTER_SECONDS) * 1_000;
  }

  /** When to look at what is held: soon after it came, and less often the longer it lasts. */
  #nextHolds(now: number): number | null {
    let youngest = Number.POSITIVE_INFINITY;
    for (const { arrivedAt } of this.#books.state.held.values()) youngest = Math.min(youngest, now - arrivedAt);
    if (youngest === Number.POSITIVE_INFINITY) return null;
    return now + Math.min(Math.max(this.#holdsRestMs, youngest / 2), HOLDS_REST_MAX_MS);
  }

  /** Puts the ledger's sums in place of ours for the closed days of this month. */
  async #rebase(now: number): Promise<void> {
    const { userId } = this.#store;
    if (userId === null) return;
    const { from } = periodOf('month', now);
    const today = dayOf(now);
    try {
      const held = [...this.#books.state.held.keys()];
      const [days, priced] = await Promise.all([
        readLedgerDays(this.env.DB, userId, from, today),
        this.#readPriced(held, now),
      ]);
      const ourDays = [...this.#books.state.days.keys()].filter((day) => day >= from && day < today);
      for (const day of new Set([...days.keys(), ...ourDays])) {
        const ours = this.#books.state.days.get(day);
        const ledger = days.get(day) ?? NOTHING;
        const known = (priced.get(day) ?? []).map(({ request_id }) => request_id);
        if (!this.#books.rebase(day, ledger, known)) {
          logLine('error', { event: 'ledger_lacks_requests', user_id: userId, day, ledger, limiter: ours });
          // One request that is missing is no reason to hold the others.
          for (const { request_id, cost_nano_usd } of priced.get(day) ?? [])
            this.#books.resolve(request_id, cost_nano_usd);
        }
        this.#store.saveDay(day, this.#books.state);
      }
      for (const requestId of held) this.#store.saveHold(requestId, this.#books.state);
      this.#books.forgetBefore(from);
      this.#store.forgetBefore(from);
      this.#store.rebaseAt = today + DAY_MS + REBASE_AFTER_MIDNIGHT_MS + Math.floor(Math.random() * REBASE_SPREAD_MS);
    } catch (error) {
      logLine('error', { event: 'rebase_failed', user_id: userId, error: describe(error) });
      this.#store.rebaseAt = now + REBASE_AGAIN_MS;
    }
  }

  /** An account that used nothing this month sleeps until its next request. */
  #nextRebase(): number | null {
    const { days, open } = this.#books.state;
    return days.size > 0 || open.size > 0 ? this.#store.rebaseAt : null;
  }

  #saveEnd(requestId: string, arrivedAt: number): void {
    const { state } = this.#books;
    // An end amends no other window.
    if (this.#limitsTokens !== false) this.#store.saveWindows(state);
    this.#store.saveReservation(requestId, state);
    this.#store.saveHold(requestId, state);
    this.#store.saveDay(dayOf(arrivedAt), state);
    if (!state.held.has(requestId)) return;
    const holdsAt = Date.now() + this.#holdsRestMs;
    if (this.#holdsAt !== null && this.#holdsAt <= holdsAt) return;
    this.#holdsAt = holdsAt;
    this.#wakeBy(holdsAt);
  }

  #wakeBy(time: number): void {
    if (this.#alarmAt !== null && this.#alarmAt <= time) return;
    this.#alarmAt = time;
    void this.ctx.storage.setAlarm(time);
  }
}
