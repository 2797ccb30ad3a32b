import { archivedAmong } from '../../shared/archived.ts';
import { ledgerStatements } from '../../shared/ledger.ts';
import { NO_PRICES, type PriceBook, readPriceBook } from '../../shared/price-book.ts';
import { billedBy } from '../../shared/pricing.ts';
import { UsageEvent } from '../../shared/usage-event.ts';
import { deadLetterStatements } from '../dead-letters/keep.ts';
import type { Plan } from '../deliver.ts';
import type { Env } from '../env.ts';
import { sortMessages } from '../sort.ts';
import { firstRest } from './reconcile-times.ts';
import { wake } from './wake.ts';

/** No row is moved out of the ledger before that. */
const MAY_BE_ARCHIVED_MS = 86_400_000;
const ARCHIVED =
  'may have been billed by a row that was moved out of the ledger: restore it first (npm run ledger -- archives --request ID), then replay this';

/**
 * Usage events enter the ledger and its rollups, priced by the price book where the upstream told no
 * cost; what is none, or may be there already where the ledger cannot see it, becomes a dead letter.
 * Attempts that the upstream can be asked for are, later on.
 */
export async function bill(env: Env, queue: string, messages: readonly Message[]): Promise<Plan> {
  const { events, valid, dead } = sortMessages(messages, UsageEvent);
  const archived = await archivedOf(env.DB, events);
  const isOpen = ({ request_id }: UsageEvent): boolean => !archived.has(request_id);
  const prices = await pricesFor(env.DB, events);
  const requests = events.filter(isOpen).map((event) => billedBy(event, prices));
  const letters = [
    ...dead,
    ...valid
      .filter((_, n) => archived.has(events[n]?.request_id ?? ''))
      .map((message) => ({ message, reason: ARCHIVED })),
  ];
  const pending = requests
    .filter(({ attempts }) => attempts.some(({ state }) => state === 'pending'))
    .map(({ event }) => event.request_id);
  return {
    statements: [...ledgerStatements(env.DB, requests), ...deadLetterStatements(env.DB, queue, letters)],
    deadLetters: letters.length,
    afterwards: () => wake(env, pending, firstRest(env)),
  };
}

/** Nearly all events are of a moment ago: only old ones, such as replays, are looked for in the archive. */
async function archivedOf(db: D1Database, events: readonly UsageEvent[]): Promise<ReadonlySet<string>> {
  const old = events.filter(({ created_at }) => created_at < Date.now() - MAY_BE_ARCHIVED_MS);
  return old.length > 0
    ? archivedAmong(
        db,
        old.map(({ request_id }) => request_id),
      )
    : new Set();
}

/** Nearly all events tell their cost: the price book is asked for the others only. */
async function pricesFor(db: D1Database, events: readonly UsageEvent[]): Promise<PriceBook> {
  const models = new Set(events.flatMap(({ unpriced }) => unpriced.map(({ model }) => model)));
  return models.size > 0 ? readPriceBook(db, [...models]) : NO_PRICES;
}
