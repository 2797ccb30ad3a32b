import { type AttemptRow, adjustmentStatements, type Correction } from '../../shared/adjustments.ts';
import { askGeneration, type Generation } from '../../shared/generation.ts';
import type { PriceState } from '../../shared/pricing.ts';
import { ReconcileRequest } from '../../shared/reconcile-request.ts';
import { deadLetterStatements } from '../dead-letters/keep.ts';
import type { Plan } from '../deliver.ts';
import type { Env } from '../env.ts';
import { sortMessages } from '../sort.ts';
import { isOverdue, restAfter } from './reconcile-times.ts';

/** A worker has six connections. */
const AT_ONCE = 5;
/** Of the 15 minutes that a batch may take; what was not asked for by then is the next time. */
const ASK_WITHIN_MS = 300_000;
/** An attempt is given up only after the upstream has said so often that it does not know it. */
const ASKED_MIN = 8;

const PENDING = `
  SELECT attempt.*
    FROM json_each(?1) JOIN unpriced_attempts AS attempt ON attempt.request_id = value
   WHERE attempt.state = 'pending'`;

/** Of those that the upstream does not know: that it was asked, and what they are from now on. */
const ASKED = `
  UPDATE unpriced_attempts
     SET asked = unpriced_attempts.asked + 1, updated_at = ?2, state = value->>'state'
    FROM json_each(?1)
   WHERE unpriced_attempts.request_id = value->>'request_id' AND unpriced_attempts.attempt = value->>'attempt'
     AND unpriced_attempts.state = 'pending'`;

/** What came of asking for an attempt: the truth, that it is not known, or nothing, for the upstream could not be asked. */
type Answer = { generation: Generation | null } | null;

/**
 * Asks the upstream what pending attempts did cost and corrects the ledger by it. What it does not know
 * is asked for again after a longer rest, and given up when it is overdue: its estimate stands then, the
 * ledger shows it as unpriced, and an alert tells of it. An upstream that cannot be asked says nothing
 * about an attempt: it is asked until it can.
 */
export async function reconcile(env: Env, queue: string, messages: readonly Message[]): Promise<Plan> {
  const { events, dead, valid } = sortMessages(messages, ReconcileRequest);
  const ids = [...new Set(events.map(({ request_id }) => request_id))];
  const pending = ids.length > 0 ? await readPending(env.DB, ids) : [];
  const now = Date.now();
  const answers = await askAll(env, pending);
  const corrections: Correction[] = [];
  const asked: (Pick<AttemptRow, 'request_id' | 'attempt'> & { state: PriceState })[] = [];
  const open = new Set<string>();
  for (const [n, attempt] of pending.entries()) {
    const answer = answers[n] ?? null;
    const overdue = attempt.asked + 1 >= ASKED_MIN && isOverdue(env, attempt.created_at, now);
    if (answer?.generation) corrections.push(reconciledBy(attempt, answer.generation));
    else if (answer && overdue && attempt.usage_source === 'provider' && attempt.cost_nano_usd !== null) {
      // The upstream's own tokens have a price that is certain enough.
      corrections.push({
        from: attempt,
        by: 'reconciled',
        to: { ...attempt, usage_source: 'provider', state: 'priced' },
      });
    } else {
      if (answer) asked.push({ ...attempt, state: overdue ? 'given_up' : 'pending' });
      if (!answer || !overdue) open.add(attempt.request_id);
    }
  }
  const again = valid.filter((_, n) => open.has(events[n]?.request_id ?? ''));
  return {
    statements: [
      ...adjustmentStatements(env.DB, corrections, now),
      ...(asked.length > 0 ? [env.DB.prepare(ASKED).bind(JSON.stringify(asked), now)] : []),
      ...deadLetterStatements(env.DB, queue, dead),
    ],
    deadLetters: dead.length,
    again: new Map(again.map((message) => [message, restAfter(env, message.attempts)])),
  };
}

async function readPending(db: D1Database, requestIds: readonly string[]): Promise<AttemptRow[]> {
  const { results } = await db.prepare(PENDING).bind(JSON.stringify(requestIds)).all<AttemptRow>();
  return results;
}

async function askAll(env: Env, attempts: readonly AttemptRow[]): Promise<Answer[]> {
  const answers: Answer[] = attempts.map(() => null);
  const giveUpAt = Date.now() + ASK_WITHIN_MS;
  let next = 0;
  const work = async (): Promise<void> => {
    for (let n = next++; n < attempts.length && Date.now() < giveUpAt; n = next++) {
      const id = attempts[n]?.generation_id;
      if (!id) continue;
      answers[n] = await askGeneration(env, id).then(
        (generation) => ({ generation }),
        () => null,
      );
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return answers;
}

/** The upstream's numbers in place of ours; where it tells none, ours stay. */
function reconciledBy(from: AttemptRow, generation: Generation): Correction {
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
