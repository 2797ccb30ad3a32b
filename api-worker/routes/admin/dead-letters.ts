import { nanoToUsd } from '../../../shared/money.ts';
import type { AppContext } from '../../env.ts';
import { readBody, readQuery } from '../../http/input.ts';
import { apply, type Change, inDatabase, notFound, seconds } from './change.ts';
import {
  CHANGES_MAX,
  type Condition,
  conditionOf,
  LETTER,
  type LetterRow,
  LetterSelection,
  LettersQuery,
  LettersSummaryQuery,
  shown,
  UNBILLED_ONCE,
} from './dead-letters/letters.ts';
import { judge, type Replayable, sendAgain, TO_REPLAY, type Verdict } from './dead-letters/replay.ts';
import { pageOf } from './page.ts';

/** GET /admin/dead-letters: the stuck ones or those of another `state`, the oldest first. */
export async function listDeadLetters(c: AppContext): Promise<Response> {
  const { limit, after, ...filter } = readQuery(c, LettersQuery);
  const rows = await select<LetterRow>(c, LETTER, conditionOf(filter, after), limit + 1);
  return c.json(pageOf(rows.map(shown), limit));
}

/** GET /admin/dead-letters/{id}, with the message's body. */
export async function retrieveDeadLetter(c: AppContext): Promise<Response> {
  const id = c.req.param('id') ?? '';
  const [row] = await select<LetterRow & { body: string }>(c, `${LETTER}, letter.body`, byIds([id]), 1);
  if (!row) throw notFound('dead letter', id);
  return c.json({ ...shown(row), body: JSON.parse(row.body) as unknown });
}

interface Sum {
  queue: string;
  state: LetterRow['state'];
  count: number;
  oldest_at: number;
  unbilled_nano_usd: number;
}

/**
 * GET /admin/dead-letters/summary: how many there are by queue and state, since when, and what is not billed
 * for them. A request of which several letters tell counts once.
 */
export async function summarizeDeadLetters(c: AppContext): Promise<Response> {
  const { sql, values } = conditionOf(readQuery(c, LettersSummaryQuery));
  const { results } = await inDatabase(() =>
    c.env.DB.prepare(
      `SELECT queue, state, count(*) AS count, min(created_at) AS oldest_at, sum(unbilled) AS unbilled_nano_usd
         FROM (SELECT queue, state, created_at, ${UNBILLED_ONCE} AS unbilled
                 FROM dead_letters AS letter WHERE ${sql})
        GROUP BY queue, state ORDER BY queue, state`,
    )
      .bind(...values)
      .all<Sum>(),
  );
  const stuck = results.filter(({ state }) => state === 'stuck');
  return c.json({
    object: 'dead_letter.summary',
    data: results.map((sum) => ({ queue: sum.queue, state: sum.state, ...totalOf([sum]) })),
    stuck: totalOf(stuck),
  });
}

function totalOf(sums: readonly Sum[]) {
  const unbilled = sums.reduce((total, { unbilled_nano_usd }) => total + unbilled_nano_usd, 0);
  return {
    count: sums.reduce((total, { count }) => total + count, 0),
    oldest_at: sums.length === 0 ? null : seconds(Math.min(...sums.map(({ oldest_at }) => oldest_at))),
    unbilled_nano_usd: unbilled,
    unbilled_usd: nanoToUsd(unbilled),
  };
}

/**
 * POST /admin/dead-letters/replay: what is valid goes back to the queue that it came from. Sent first, and then
 * marked: a crash between the two leads to a second replay, which is harmless, for the ledger knows a request by
 * its id, and PostHog an event by its uuid. The other order would lose the message.
 */
export async function replayDeadLetters(c: AppContext): Promise<Response> {
  const { selection, letters, hasMore } = await selected<Replayable>(c, TO_REPLAY);
  const judged = await inDatabase(() => judge(c.env.DB, letters));
  const notTaken = selection.dry_run
    ? new Set<string>()
    : await sendAgain(
        c.env,
        judged.flatMap(({ letter: { id }, verdict }) => ('message' in verdict ? [{ id, ...verdict }] : [])),
      );
  const results = judged.map(({ letter, verdict }) => {
    if (notTaken.has(letter.id)) return resultOf(letter, 'failed', 'Its queue takes nothing at the moment.');
    return resultOf(letter, verdict.outcome, 'why' in verdict ? verdict.why : null);
  });
  if (!selection.dry_run) {
    const done = results.filter(({ outcome }) => outcome !== 'refused' && outcome !== 'failed');
    await mark(c, 'replayed', done);
  }
  return c.json(changesOf(results, selection, hasMore));
}

/** POST /admin/dead-letters/discard: they stay where they are, and nobody is told of them any more. */
export async function discardDeadLetters(c: AppContext): Promise<Response> {
  const { selection, letters, hasMore } = await selected<LetterRow>(c, LETTER);
  const results = letters.map((letter) =>
    letter.state === 'stuck'
      ? resultOf(letter, 'discarded', null)
      : resultOf(letter, 'refused', `It is ${letter.state} already.`),
  );
  if (!selection.dry_run)
    await mark(
      c,
      'discarded',
      results.filter(({ outcome }) => outcome === 'discarded'),
    );
  return c.json(changesOf(results, selection, hasMore));
}

type Outcome = Verdict['outcome'] | 'failed' | 'discarded';

function resultOf({ id, queue, request_id, cost_nano_usd }: LetterRow, outcome: Outcome, why: string | null) {
  return { object: 'dead_letter.change', id, queue, request_id, cost_nano_usd, outcome, why };
}
type Result = ReturnType<typeof resultOf>;

function changesOf(results: readonly Result[], { dry_run }: LetterSelection, hasMore: boolean) {
  return { ...pageOf(results, CHANGES_MAX), has_more: hasMore, dry_run };
}

/** What the request selects, the oldest first; 404 for an id that is none. */
async function selected<Row extends LetterRow>(c: AppContext, columns: string) {
  const selection = await readBody(c, LetterSelection);
  const { ids, filter, after } = selection;
  // What was replayed or discarded before is meant only where it is named.
  const condition = ids ? byIds(ids) : conditionOf({ ...filter, state: 'stuck' }, after);
  const rows = await select<Row>(c, columns, condition, CHANGES_MAX + 1);
  const found = new Set(rows.map(({ id }) => id));
  const unknown = ids?.find((id) => !found.has(id));
  if (unknown !== undefined) throw notFound('dead letter', unknown);
  return { selection, letters: rows.slice(0, CHANGES_MAX), hasMore: rows.length > CHANGES_MAX };
}

async function select<Row>(c: AppContext, columns: string, { sql, values }: Condition, limit: number): Promise<Row[]> {
  const { results } = await inDatabase(() =>
    c.env.DB.prepare(
      `SELECT ${columns} FROM dead_letters AS letter WHERE ${sql} ORDER BY letter.created_at, letter.id LIMIT ?`,
    )
      .bind(...values, limit)
      .all<Row>(),
  );
  return results;
}

function byIds(ids: readonly string[]): Condition {
  return { sql: 'letter.id IN (SELECT value FROM json_each(?))', values: [JSON.stringify(ids)] };
}

/** Marks letters, each with an entry in the audit log. What is replayed meanwhile stays so. */
async function mark(c: AppContext, state: 'replayed' | 'discarded', results: readonly Result[]): Promise<void> {
  if (results.length === 0) return;
  const action = state === 'replayed' ? 'dead_letter.replay' : 'dead_letter.discard';
  const changes = results.map(
    ({ id, queue, request_id }): Change => ({ action, target: id, changes: { state, queue, request_id } }),
  );
  await apply(c, changes, [
    c.env.DB.prepare(
      `UPDATE dead_letters SET state = ?2, state_at = ?3
        WHERE id IN (SELECT value FROM json_each(?1)) AND (?2 = 'replayed' OR state = 'stuck')`,
    ).bind(JSON.stringify(results.map(({ id }) => id)), state, Date.now()),
  ]);
}
