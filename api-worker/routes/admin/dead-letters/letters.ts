import * as z from 'zod';
import { Instant } from '../../../http/instant.ts';
import { seconds } from '../change.ts';
import { PageQuery } from '../page.ts';

/** Of a page of changes, for a message of the largest kind has 128 KB. */
export const CHANGES_MAX = 100;

export const LETTER_STATES = ['stuck', 'replayed', 'discarded'] as const;
const state = z.enum(LETTER_STATES);
const text = z.string().min(1).max(256);
const id = z.string().min(1).max(256);

/** Which dead letters: those to which all of it applies. */
const LetterFilter = z.strictObject({
  queue: text.optional().meta({ description: "A part of the queue's name." }),
  reason: text.optional().meta({ description: 'A part of the reason, in small or capital letters.' }),
  request_id: text.optional(),
  from: Instant.optional().meta({ description: 'Sent then or later.' }),
  to: Instant.optional().meta({ description: 'Sent before.' }),
});

export const LettersQuery = PageQuery.extend(LetterFilter.shape).extend({ state: state.default('stuck') });
export const LettersSummaryQuery = LetterFilter.extend({ state: state.optional() });

/** What is to be replayed or discarded: the letters named, or the stuck ones of a filter, page by page. */
export const LetterSelection = z
  .strictObject({
    ids: z.array(id).min(1).max(CHANGES_MAX).optional(),
    filter: LetterFilter.optional(),
    after: z.string().max(256).default(''),
    dry_run: z.boolean().default(false),
  })
  .refine(({ ids, filter }) => (ids === undefined) !== (filter === undefined), {
    message: "Say which dead letters: by 'ids', or by a 'filter', which may be empty.",
  })
  .meta({ oneOf: [{ required: ['ids'] }, { required: ['filter'] }] });
export type LetterSelection = z.infer<typeof LetterSelection>;

/** As in dead_letters of schema.sql. */
export interface LetterRow {
  id: string;
  queue: string;
  state: (typeof LETTER_STATES)[number];
  reason: string;
  attempts: number;
  request_id: string | null;
  cost_nano_usd: number | null;
  created_at: number;
  stored_at: number;
  state_at: number | null;
  /** Nano-dollars that are missing in the ledger for this letter. */
  unbilled_nano_usd: number;
}

/** Whether the ledger in D1 holds the letter's request. */
export const IN_LEDGER = `EXISTS (SELECT 1 FROM usage_logs WHERE request_id = letter.request_id AND adjustment = '')`;

/** Whether the letter is what would bill its request. An analytics event tells a cost, too, but does not bill it. */
export const IS_UNBILLED = `(letter.state <> 'replayed' AND letter.queue GLOB 'openai-api-usage*' AND NOT ${IN_LEDGER})`;

const UNBILLED = `CASE WHEN ${IS_UNBILLED} THEN coalesce(letter.cost_nano_usd, 0) ELSE 0 END`;

/** Nano-dollars to be summed up: of the letters of one request and state, only one counts. */
export const UNBILLED_ONCE = `
  CASE row_number() OVER (PARTITION BY letter.state, coalesce(letter.request_id, letter.id)
                              ORDER BY ${UNBILLED} DESC, letter.id)
  WHEN 1 THEN ${UNBILLED} ELSE 0 END`;

/** The columns of a {@link LetterRow}, of `dead_letters AS letter`. */
export const LETTER = `
  letter.id, letter.queue, letter.state, letter.reason, letter.attempts, letter.request_id, letter.cost_nano_usd,
  letter.created_at, letter.stored_at, letter.state_at, ${UNBILLED} AS unbilled_nano_usd`;

/** A condition on `dead_letters AS letter`, and what its placeholders are bound to. */
export interface Condition {
  sql: string;
  values: (string | number)[];
}

/** @param after id of the letter behind which, in order of time, those that are meant begin. */
export function conditionOf(
  filter: z.infer<typeof LettersSummaryQuery>,
  after: string | undefined = undefined,
): Condition {
  const terms: [string, string | number | undefined][] = [
    ['letter.state = ?', filter.state],
    ['instr(letter.queue, ?) > 0', filter.queue],
    ['instr(lower(letter.reason), lower(?)) > 0', filter.reason],
    ['letter.request_id = ?', filter.request_id],
    ['letter.created_at >= ?', filter.from],
    ['letter.created_at < ?', filter.to],
    [
      '(letter.created_at, letter.id) > (SELECT created_at, id FROM dead_letters WHERE id = ?)',
      after === '' ? undefined : after,
    ],
  ];
  const used = terms.flatMap(([sql, value]) => (value === undefined ? [] : [{ sql, value }]));
  return { sql: used.map(({ sql }) => sql).join(' AND ') || 'true', values: used.map(({ value }) => value) };
}

/** A dead letter as the API shows it; without its body, in which content may be. */
export function shown(row: LetterRow) {
  return {
    object: 'dead_letter' as const,
    ...row,
    created_at: seconds(row.created_at),
    stored_at: seconds(row.stored_at),
    state_at: seconds(row.state_at),
  };
}
