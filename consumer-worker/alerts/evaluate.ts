import type { Env } from '../env.ts';
import { logFailure } from '../log.ts';
import { ALERTS, type Alert } from './alerts.ts';
import { tellChanges, tellDatabaseAway } from './tell.ts';

const CHANGED = 'excluded.value IS NOT NULL AND excluded.state <> alerts.state';

/**
 * Keeps what was measured. What could not be changes no state; a change is to be told, but for an alert
 * that is new and in order. Of two runs the older one, should it come later, changes nothing.
 */
const KEEP = `
  INSERT INTO alerts (name, state, value, threshold, changed_at, told_at, checked_at)
  SELECT measured.name, measured.state, measured.value, measured.threshold, ?2,
         CASE measured.state WHEN 'ok' THEN ?2 END, ?2
    FROM (SELECT value->>'name' AS name, value->>'value' AS value, value->>'threshold' AS threshold,
                 CASE WHEN value->>'value' >= value->>'threshold' THEN 'firing' ELSE 'ok' END AS state
            FROM json_each(?1)) AS measured
   WHERE true
  ON CONFLICT (name) DO UPDATE
     SET state         = CASE WHEN ${CHANGED} THEN excluded.state ELSE state END,
         changed_at    = CASE WHEN ${CHANGED} THEN excluded.changed_at ELSE changed_at END,
         told_at       = CASE WHEN ${CHANGED} THEN NULL ELSE told_at END,
         claimed_until = CASE WHEN ${CHANGED} THEN NULL ELSE claimed_until END,
         value = excluded.value, threshold = excluded.threshold, checked_at = excluded.checked_at
   WHERE alerts.checked_at <= excluded.checked_at`;

/** An alert that was switched off is in no state. */
const DROP_OFF = "DELETE FROM alerts WHERE name NOT IN (SELECT value->>'name' FROM json_each(?1))";

/**
 * Measures every alert, keeps its state in `alerts`, and tells what has changed. One that cannot be
 * measured holds up no other.
 *
 * @returns how many alerts are watched, which are firing, and how many changes were told; none while the webhook is
 * away. What was not told is told by a later run.
 * @throws what D1 throws; that it does is told, too.
 */
export async function evaluateAlerts(env: Env, now: number): Promise<Record<string, unknown>> {
  try {
    return await measureAndTell(env, now);
  } catch (error) {
    await tellDatabaseAway(env, now);
    throw error;
  }
}

async function measureAndTell(env: Env, now: number): Promise<Record<string, unknown>> {
  const watched = ALERTS.map((alert) => ({ ...alert, limit: thresholdOf(env, alert) })).filter(
    ({ limit }) => limit > 0,
  );
  const measured = await Promise.all(
    watched.map(async ({ name, limit, measure }) => {
      const value = await measure(env, now).catch((error: unknown) => {
        logFailure('alert_not_measured', { alert: name }, error);
        return null;
      });
      return { name, threshold: limit, value };
    }),
  );
  const json = JSON.stringify(measured);
  const [, , firing] = await env.DB.batch<{ name: string }>([
    env.DB.prepare(DROP_OFF).bind(json),
    env.DB.prepare(KEEP).bind(json, now),
    env.DB.prepare("SELECT name FROM alerts WHERE state = 'firing' ORDER BY name"),
  ]);
  return {
    watched: watched.length,
    firing: firing?.results.map(({ name }) => name) ?? [],
    told: await tellChanges(env, now),
  };
}

/** In the alert's unit; 0 for off. What is no number, or infinite, is off, too, and said to be an error each time. */
function thresholdOf(env: Env, { name, threshold }: Alert): number {
  const limit = Number(env[threshold] ?? 0);
  if (Number.isFinite(limit) && limit >= 0) return limit;
  logFailure('alert_not_measured', { alert: name }, `${threshold} is not a number, or negative`);
  return 0;
}
