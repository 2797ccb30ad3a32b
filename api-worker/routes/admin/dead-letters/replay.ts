import * as z from 'zod';
import { AnalyticsMessage } from '../../../../shared/analytics-message.ts';
import { archivedAmong } from '../../../../shared/archived.ts';
import { piecesOf } from '../../../../shared/pieces.ts';
import { parseQueueName, type QueueSource } from '../../../../shared/queue-name.ts';
import { ReconcileRequest } from '../../../../shared/reconcile-request.ts';
import { UsageEvent } from '../../../../shared/usage-event.ts';
import type { Env } from '../../../env.ts';
import { describe, logLine } from '../../../http/log.ts';
import { IN_LEDGER, LETTER, type LetterRow } from './letters.ts';

/** Of the 256 KB that `sendBatch` takes at once, with room for what the queue adds to each message. */
const BATCH_MAX_BYTES = 200_000;
const WHY_MAX_CHARS = 2000;
const ARCHIVED = 'It may have been billed: the ledger rows of its time are in an archive. Restore that first.';

/** The schemas by which the consumer worker will judge the message. */
const SCHEMAS: Record<QueueSource, z.ZodType> = {
  usage: UsageEvent,
  analytics: AnalyticsMessage,
  reconcile: ReconcileRequest,
};

/** A dead letter with what a replay of it has to know. */
export interface Replayable extends LetterRow {
  /** JSON; null: a text, which is what {@link TO_REPLAY} leaves out: only the beginning of a message, or none. */
  body: string | null;
  in_ledger: 0 | 1;
}

/** The columns of a {@link Replayable}, of `dead_letters AS letter`. */
export const TO_REPLAY = `${LETTER},
  CASE json_type(letter.body) WHEN 'text' THEN NULL ELSE letter.body END AS body,
  ${IN_LEDGER} AS in_ledger`;

/** What a replay does with a letter, or would. */
export type Verdict =
  /** The request is not in the ledger: its event goes to the queue. */
  | { outcome: 'will_be_billed'; source: QueueSource; message: unknown }
  /** An event for analytics, or a question about a cost: it goes to its queue. */
  | { outcome: 'will_be_delivered'; source: QueueSource; message: unknown }
  /** The request was billed by another way: nothing is sent. */
  | { outcome: 'in_ledger' }
  /** It cannot be replayed. */
  | { outcome: 'refused'; why: string };

/** A letter, and what a replay does with it. */
export interface Judged {
  letter: Replayable;
  verdict: Verdict;
}

/**
 * Judges letters as their queues' consumers will. Throws what D1 throws.
 *
 * Ledger rows that were moved out stop no second billing, so that a request of their time is not billed.
 */
export async function judge(db: D1Database, letters: readonly Replayable[]): Promise<Judged[]> {
  const judged = letters.map((letter) => ({ letter, verdict: verdictOf(letter) }));
  const toBill = judged.flatMap(({ letter: { request_id }, verdict }) =>
    verdict.outcome === 'will_be_billed' && request_id !== null ? [request_id] : [],
  );
  const archived = await archivedAmong(db, toBill);
  return judged.map(({ letter, verdict }) =>
    verdict.outcome === 'will_be_billed' && archived.has(letter.request_id ?? '')
      ? { letter, verdict: refused(ARCHIVED) }
      : { letter, verdict },
  );
}

function verdictOf({ queue, body, in_ledger }: Replayable): Verdict {
  const source = parseQueueName(queue)?.source;
  if (source === undefined) return refused(`There is no queue to which messages of '${queue}' belong.`);
  if (body === null) return refused('The message is not whole: it was too long to be kept, or is no JSON.');
  const message: unknown = JSON.parse(body);
  const parsed = SCHEMAS[source].safeParse(message);
  if (!parsed.success) return refused(`The message is invalid: ${z.prettifyError(parsed.error)}`);
  if (source !== 'usage') return { outcome: 'will_be_delivered', source, message };
  if (in_ledger) return { outcome: 'in_ledger' };
  return { outcome: 'will_be_billed', source, message };
}

function refused(why: string): Verdict {
  return { outcome: 'refused', why: why.slice(0, WHY_MAX_CHARS) };
}

/** A message on its way back. */
interface Sending {
  id: string;
  source: QueueSource;
  message: unknown;
}

/** Sends messages to the queues that they came from. Returns the ids of those that were not taken; never rejects. */
export async function sendAgain(env: Env, messages: readonly Sending[]): Promise<Set<string>> {
  const queues: Record<QueueSource, Queue> = {
    usage: env.USAGE_QUEUE,
    analytics: env.ANALYTICS_QUEUE,
    reconcile: env.RECONCILE_QUEUE,
  };
  const notTaken = new Set<string>();
  for (const [source, list] of Map.groupBy(messages, (one) => one.source)) {
    for (const piece of piecesOf(list, ({ message }) => JSON.stringify(message), BATCH_MAX_BYTES)) {
      try {
        await queues[source].sendBatch(piece.map(({ message }) => ({ body: message })));
      } catch (error) {
        logLine('error', { event: 'replay_refused_by_queue', source, messages: piece.length, error: describe(error) });
        for (const { id } of piece) notTaken.add(id);
      }
    }
  }
  return notTaken;
}
