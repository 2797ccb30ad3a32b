import type { Env } from '../env.ts';
import { logAlert } from '../log.ts';
import { ALERTS } from './alerts.ts';

const WEBHOOK_TIMEOUT_MS = 5_000;
/** For so long no other run tells what one is about to tell: longer than that takes, shorter than until the next run. */
const CLAIM_MS = 60_000;

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
 * 1. claim them, so that another run at the same time leaves them alone;
 * 2. post; if that fails, the next run finds the claim expired and tells them;
 * 3. mark them as told. A crash just before repeats the message: better twice than never.
 *
 * @returns how many changes were told.
 * @throws when the webhook does not take the message.
 */
export async function tellChanges(env: Env, now: number): Promise<number> {
  const { results: changes } = await env.DB.prepare(CLAIM).bind(now).all<Change>();
  if (changes.length === 0) return 0;
  for (const change of changes) logAlert(change);
  if (env.ALERT_WEBHOOK_URL) await post(env.ALERT_WEBHOOK_URL, changes.map(line).join('\n'));
  await env.DB.prepare(TOLD).bind(JSON.stringify(changes), now).run();
  return changes.length;
}

/** Slack's incoming webhook, and those that are like it: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks */
async function post(url: string, text: string): Promise<void> {
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
