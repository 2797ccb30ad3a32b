import type { Env } from '../env.ts';
import { logAlert, logFailure } from '../log.ts';
import { ALERTS } from './alerts.ts';

const WEBHOOK_TIMEOUT_MS = 5_000;
/** For so long no other run tells what one is about to tell: longer than that takes, shorter than until the next run. */
const CLAIM_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Between two runs, by the cron in wrangler.consumer.toml. */
const RUN_EVERY_MS = 5 * 60_000;

/** Changes that no run has tried to tell yet. */
const NEW = `
  SELECT name, state, value, threshold, changed_at FROM alerts
   WHERE told_at IS NULL AND claimed_until IS NULL
   ORDER BY name`;

const CLAIM = `
  UPDATE alerts SET claimed_until = ?1 + ${CLAIM_MS}
   WHERE told_at IS NULL AND coalesce(claimed_until, 0) <= ?1
  RETURNING name, state, value, threshold, changed_at`;

/** A state that has changed again since is still to be told. */
const TOLD = `
  UPDATE alerts SET told_at = ?2, claimed_until = NULL
    FROM json_each(?1) AS told
   WHERE alerts.name = told.value->>'name' AND alerts.changed_at = told.value->>'changed_at'`;

/** A row of `alerts` that is to be told about. */
interface Change {
  name: string;
  state: 'ok' | 'firing';
  value: number | null;
  threshold: number;
  changed_at: number;
}

/**
 * Tells what has not been told: a log line each, and all of them in one message to ALERT_WEBHOOK_URL if
 * that is set.
 * 1. claim them, so that another run at the same time leaves them alone, and log those that are new;
 * 2. post; if that fails, the next run finds the claim expired and posts them;
 * 3. mark them as told. A crash just before repeats the message: better twice than never.
 *
 * @returns how many changes were told; 0 where the webhook does not take the message.
 * @throws what D1 throws.
 */
export async function tellChanges(env: Env, now: number): Promise<number> {
  const [fresh, claimed] = await env.DB.batch<Change>([env.DB.prepare(NEW), env.DB.prepare(CLAIM).bind(now)]);
  for (const change of fresh?.results ?? []) logAlert(change);
  const changes = claimed?.results ?? [];
  if (changes.length === 0 || !(await post(env, changes.map(line).join('\n')))) return 0;
  await env.DB.prepare(TOLD).bind(JSON.stringify(changes), now).run();
  return changes.length;
}

/**
 * Tells that the database, and with it every alert, is away. What was told before would stand in the database: so the
 * first run of each hour tells it, and an outage between two of those goes untold. Never rejects.
 */
export async function tellDatabaseAway(env: Env, now: number): Promise<void> {
  if (now % HOUR_MS >= RUN_EVERY_MS) return;
  const at = new Date(now).toISOString();
  await post(env, `FIRING database: could not be used at ${at}; until it can, no alert is told`);
}

/** Posts to ALERT_WEBHOOK_URL, if it is set; false, and a line in the log, where that fails. */
async function post({ ALERT_WEBHOOK_URL }: Env, text: string): Promise<boolean> {
  try {
    if (ALERT_WEBHOOK_URL) await postTo(ALERT_WEBHOOK_URL, text);
    return true;
  } catch (error) {
    logFailure('alerts_not_posted', {}, error);
    return false;
  }
}

/** Slack's incoming webhook, and those that are like it: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks */
async function postTo(url: string, text: string): Promise<void> {
  // Who has the URL may post: it must not get into the log with an error's message.
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text }),
    signal: AbortSignal.timeout(WEBHOOK_TIMEOUT_MS),
  }).catch(() => {
    throw new Error('ALERT_WEBHOOK_URL cannot be reached.');
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`ALERT_WEBHOOK_URL answered ${response.status}.`);
}

/** `FIRING error_rate: 7.5 % (threshold: 5 %) since 2026-11-24T10:30:00.000Z` */
function line({ name, state, value, threshold, changed_at }: Change): string {
  const unit = ALERTS.find((alert) => alert.name === name)?.unit ?? '';
  const measured = value === null ? 'cannot be measured now' : `${Number(value.toFixed(3))} ${unit}`;
  return `${state.toUpperCase()} ${name}: ${measured} (threshold: ${threshold} ${unit}) since ${new Date(changed_at).toISOString()}`;
}
