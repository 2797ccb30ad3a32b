import { ledgerStatements } from '../shared/ledger.ts';
import { UsageEvent } from '../shared/usage-event.ts';
import { deadLetterStatements } from './dead-letters.ts';
import type { Plan } from './deliver.ts';
import { sortMessages } from './sort.ts';

/** Usage events enter the ledger and its rollups; what is none becomes a dead letter. */
export function bill(db: D1Database, queue: string, messages: readonly Message[]): Plan {
  const { events, dead } = sortMessages(messages, UsageEvent);
  return {
    statements: [...ledgerStatements(db, events), ...deadLetterStatements(db, queue, dead)],
    deadLetters: dead.length,
  };
}
