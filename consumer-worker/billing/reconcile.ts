import { type AttemptRow, adjustmentStatements, type Correction } from '../../shared/adjustments.ts';
import { askGeneration, type Generation } from '../../shared/generation.ts';
import { ReconcileRequest } from '../../shared/reconcile-request.ts';
import { deadLetterStatements } from '../dead-letters/keep.ts';
import type { Plan } from '../deliver.ts';
import type { Env } from '../env.ts';
import { sortMessages } from '../sort.ts';
import { isOverdue, restAfter } from './reconcile-times.ts';

/** A worker has six connections. */
const AT_ONCE = 5;

const PENDING = `
  SELECT attempt.*
    FROM json_each(?1) JOIN unpriced_attempts AS attempt ON attempt.request_id = value
   WHERE attempt.state = 'pending'`;

/** Of those that were asked for in vain: that they were, and whether they are given up. */
const ASKED = `
  UPDATE unpriced_attempts
     SET asked = unpriced_attempts.asked + 1, updated_at = ?2,
         state = CASE WHEN value->>'overdue' THEN 'given_up' ELSE 'pending' END
    FROM json_each(?1)
   WHERE unpriced_attempts.request_id = value->>'request_id' AND unpriced_attempts.attempt = value->>'attempt'
     AND unpriced_attempts.state = 'pending'`;

/**
 * Asks the upstream what pending attempts did cost and corrects the ledger by it. What it does not know
 * is asked for again after a longer rest, and given up when it is overdue: its estimate stands then, the
 * ledger shows it as unpriced, and an alert tells of it.
 */
export async function reconcile(env: Env, queue: string, messages: readonly Message[]): Promise<Plan> {
  const { events, dead, valid } = sortMessages(messages, ReconcileRequest);
  const ids = [...new Set(events.map(({ request_id }) => request_id))];
  const pending = ids.length > 0 ? await readPending(env.DB, ids) : [];
  const now = Date.now();
  const answers = await askAll(env, pending);
  const known = pending.flatMap((attempt, n) => correctionOf(attempt, answers[n] ?? null) ?? []);
  const unknown = pending
    .filter((_, n) => !answers[n])
    .map((attempt) => ({ ...attempt, overdue: isOverdue(env, attempt.created_at, now) }));
  const rests = new Map(
    unknown
      .filter(({ overdue }) => !overdue)
      .map(({ request_id, asked }) => [request_id, restAfter(env, asked + 1)] as const),
  );
  const again = valid.flatMap((message, n) => {
    const rest = rests.get(events[n]?.request_id ?? '');
    return rest === undefined ? [] : [[message, rest] as const];
  });
  return {
    statements: [
      ...adjustmentStatements(env.DB, known, now),
      ...(unknown.length > 0 ? [env.DB.prepare(ASKED).bind(JSON.stringify(unknown), now)] : []),
      ...deadLetterStatements(env.DB, queue, dead),
    ],
    deadLetters: dead.length,
    again: new Map(again),
  };
}

async function readPending(db: D1Database, requestIds: readonly string[]): Promise<AttemptRow[]> {
  const { results } = await db.prepare(PENDING).bind(JSON.stringify(requestIds)).all<AttemptRow>();
  return results;
}

/** What the upstream says of each attempt; null: it does not know it, or cannot be asked. */
async function askAll(env: Env, attempts: readonly AttemptRow[]): Promise<(Generation | null)[]> {
  const answers: (Generation | null)[] = attempts.map(() => null);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let n = next++; n < attempts.length; n = next++) {
      const id = attempts[n]?.generation_id;
      if (id) answers[n] = await askGeneration(env, id).catch(() => null);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return answers;
}

/** The upstream's numbers in place of ours; where it tells none, ours stay. */
function correctionOf(from: AttemptRow, generation: Generation | null): Correction | null {
  if (!generation) return null;
  return {
    from,
    by: 'reconciled',
    to: {
      state: 'reconciled',
      usage_source: 'reconciled',
      input_tokens: generation.inputTokens ?? from.input_tokens,
      output_tokens: generation.outputTokens ?? from.output_tokens,
      cached_tokens: generation.cachedTokens ?? from.cached_tokens,
      cache_write_tokens: from.cache_write_tokens,
      reasoning_tokens: generation.reasoningTokens ?? from.reasoning_tokens,
      cost_nano_usd: generation.costNanoUsd,
    },
  };
}
