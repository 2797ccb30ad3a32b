import type { Env } from '../env.ts';

/** Long after a queue could deliver them again, and they would be kept as stuck. */
const KEPT_MS = 30 * 86_400_000;
const AT_ONCE = 500;
/** A later run goes on from there. */
const STEPS_MAX = 20;

/** What is old enough was sent before, which is what the index dead_letters_by_state knows. */
const FORGET = `
  DELETE FROM dead_letters
   WHERE id IN (SELECT id FROM dead_letters
                 WHERE state IN ('replayed', 'discarded') AND created_at < ?1 AND state_at < ?1
                 LIMIT ${AT_ONCE})`;

/** Deletes dead letters that were replayed or discarded thirty days ago, a bounded number a run. Throws what D1 throws. */
export async function forgetDeadLetters({ DB }: Env, now: number): Promise<Record<string, unknown>> {
  let forgotten = 0;
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const { meta } = await DB.prepare(FORGET)
      .bind(now - KEPT_MS)
      .run();
    forgotten += meta.changes;
    if (meta.changes < AT_ONCE) break;
  }
  return { forgotten };
}
