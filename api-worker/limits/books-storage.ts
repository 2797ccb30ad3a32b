import type { AnalyticsEvent } from '../../shared/analytics-event.ts';
import type { UsageEvent } from '../../shared/usage-event.ts';
import { type BooksState, emptyState, type Hold, type Reservation, type Used } from './books.ts';
import type { Window } from './sliding-window.ts';

const TABLES = `
  CREATE TABLE IF NOT EXISTS reservations (request_id TEXT PRIMARY KEY, reservation TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS holds (request_id TEXT PRIMARY KEY, arrived_at INTEGER NOT NULL, cost_nano_usd INTEGER NOT NULL, booked_nano_usd INTEGER) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS days (day INTEGER PRIMARY KEY, requests INTEGER NOT NULL, tokens INTEGER NOT NULL, cost_nano_usd INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS charges (request_id TEXT PRIMARY KEY, arrived_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS outbox (queue TEXT NOT NULL, request_id TEXT NOT NULL, event TEXT NOT NULL, PRIMARY KEY (queue, request_id)) STRICT, WITHOUT ROWID;`;

interface Windows {
  requests: Window;
  tokens: Window;
  keys: Record<string, Window>;
}

/**
 * Where an account's books are kept: the object's own SQLite. Writing is synchronous, what one call
 * writes is one transaction, and no answer leaves the object before it is durable.
 */
export class BooksStorage {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.sql.exec(TABLES);
  }

  load(): BooksState {
    const { sql, kv } = this.#storage;
    const state: BooksState = { ...emptyState(), ...kv.get<Windows>('windows') };
    for (const { reservation } of sql.exec<{ reservation: string }>('SELECT reservation FROM reservations')) {
      const open = JSON.parse(reservation) as Reservation;
      state.open.set(open.requestId, open);
    }
    for (const hold of sql.exec<HoldRow>('SELECT * FROM holds')) {
      state.held.set(hold.request_id, {
        requestId: hold.request_id,
        arrivedAt: hold.arrived_at,
        costNanoUsd: hold.cost_nano_usd,
        bookedNanoUsd: hold.booked_nano_usd,
      });
    }
    for (const { day, ...used } of sql.exec<Used & { day: number } & Row>('SELECT * FROM days'))
      state.days.set(day, used);
    return state;
  }

  saveWindows({ requests, tokens, keys }: BooksState): void {
    this.#storage.kv.put<Windows>('windows', { requests, tokens, keys });
  }

  /** Keeps a reservation as the books have it, which may be not at all. */
  saveReservation(requestId: string, { open }: BooksState): void {
    const reservation = open.get(requestId);
    if (reservation) {
      this.#storage.sql.exec(
        'INSERT OR REPLACE INTO reservations VALUES (?, ?)',
        requestId,
        JSON.stringify(reservation),
      );
    } else {
      this.#storage.sql.exec('DELETE FROM reservations WHERE request_id = ?', requestId);
    }
  }

  saveHold(requestId: string, { held }: BooksState): void {
    const hold: Hold | undefined = held.get(requestId);
    if (hold) {
      const { arrivedAt, costNanoUsd, bookedNanoUsd } = hold;
      this.#storage.sql.exec(
        'INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?)',
        ...[requestId, arrivedAt, costNanoUsd, bookedNanoUsd],
      );
    } else {
      this.#storage.sql.exec('DELETE FROM holds WHERE request_id = ?', requestId);
    }
  }

  saveDay(day: number, { days }: BooksState): void {
    const used = days.get(day);
    if (!used) return;
    const { requests, tokens, cost_nano_usd } = used;
    this.#storage.sql.exec('INSERT OR REPLACE INTO days VALUES (?, ?, ?, ?)', day, requests, tokens, cost_nano_usd);
  }

  /** Whether this is the first charge of a request. */
  claimCharge(requestId: string, arrivedAt: number): boolean {
    const claimed = this.#storage.sql.exec(
      'INSERT OR IGNORE INTO charges VALUES (?, ?) RETURNING request_id',
      requestId,
      arrivedAt,
    );
    return claimed.toArray().length === 1;
  }

  forgetBefore(day: number): void {
    this.#storage.sql.exec('DELETE FROM days WHERE day < ?', day);
    this.#storage.sql.exec('DELETE FROM holds WHERE arrived_at < ?', day);
    this.#storage.sql.exec('DELETE FROM charges WHERE arrived_at < ?', day);
  }

  /** Events that their queue has not taken yet. */
  *outbox(queue: Undelivered['queue']): Generator<Undelivered> {
    const rows = this.#storage.sql.exec<{ request_id: string }>(
      'SELECT request_id FROM outbox WHERE queue = ? ORDER BY request_id',
      queue,
    );
    // One at a time: those of analytics may be large, and may be many.
    for (const { request_id } of rows.toArray()) {
      const [row] = this.#storage.sql
        .exec<{ event: string }>('SELECT event FROM outbox WHERE queue = ? AND request_id = ?', queue, request_id)
        .toArray();
      if (row) yield { queue, event: JSON.parse(row.event) } as Undelivered;
    }
  }

  /** What is known of a request takes the place of the report that it was taken for dead, and not the other way. */
  addToOutbox({ queue, event }: Undelivered): void {
    const row = [queue, event.request_id, JSON.stringify(event)];
    const otherwise = event.usage_source === 'unknown' ? 'IGNORE' : 'REPLACE';
    this.#storage.sql.exec(`INSERT OR ${otherwise} INTO outbox VALUES (?, ?, ?)`, ...row);
  }

  removeFromOutbox({ queue, event }: Undelivered): void {
    this.#storage.sql.exec('DELETE FROM outbox WHERE queue = ? AND request_id = ?', queue, event.request_id);
  }

  /** When the books are to be compared with the ledger next, Unix ms. A new object's: at once. */
  get rebaseAt(): number {
    return this.#storage.kv.get<number>('rebaseAt') ?? 0;
  }

  set rebaseAt(time: number) {
    this.#storage.kv.put('rebaseAt', time);
  }

  /** Of the account's cached answers. */
  get cacheGeneration(): number {
    return this.#storage.kv.get<number>('cacheGeneration') ?? 0;
  }

  set cacheGeneration(generation: number) {
    this.#storage.kv.put('cacheGeneration', generation);
  }

  /** Whose books these are; null before the first request. */
  get userId(): string | null {
    return this.#storage.kv.get<string>('userId') ?? null;
  }

  set userId(userId: string) {
    this.#storage.kv.put('userId', userId);
  }
}

/** An event that its queue would not take. */
export type Undelivered = { queue: 'usage'; event: UsageEvent } | { queue: 'analytics'; event: AnalyticsEvent };

interface HoldRow extends Row {
  request_id: string;
  arrived_at: number;
  cost_nano_usd: number;
  booked_nano_usd: number | null;
}

type Row = Record<string, SqlStorageValue>;
