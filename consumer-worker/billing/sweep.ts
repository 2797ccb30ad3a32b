import type { Env } from '../env.ts';
import { firstRest, REST_MAX_SECONDS } from './reconcile-times.ts';
import { wake } from './wake.ts';

const AT_ONCE = 1_000;

/** Those that should have been asked for a while ago; marked, so that the next sweep leaves them time. */
const OVERDUE = `
  UPDATE unpriced_attempts
     SET updated_at = ?1
   WHERE (request_id, attempt) IN (
     SELECT request_id, attempt
       FROM unpriced_attempts
      WHERE state IN ('pending', 'no_price', 'given_up') -- as the index has it
        AND state = 'pending' AND updated_at + 2000 * min(?3, ?2 * (1 << min(asked, 16))) + 60000 < ?1
      LIMIT ${AT_ONCE})
  RETURNING request_id`;

/** Wakes attempts that wait to be reconciled and whose message was lost. */
export async function sweepPending(env: Env, now: number): Promise<Record<string, unknown>> {
  const { results } = await env.DB.prepare(OVERDUE)
    .bind(now, firstRest(env), REST_MAX_SECONDS)
    .all<{ request_id: string }>();
  const requestIds = [...new Set(results.map(({ request_id }) => request_id))];
  await wake(env, requestIds, 0);
  return { woken: requestIds.length };
}
