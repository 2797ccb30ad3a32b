import type { Env } from '../env.ts';

/** The longest rest between two times that the upstream is asked for an attempt. */
export const REST_MAX_SECONDS = 3_600;

type Times = Pick<Env, 'RECONCILE_AFTER_SECONDS' | 'RECONCILE_WITHIN_SECONDS'>;

/** How long an attempt rests before the upstream is asked for it first: it needs some time to know. */
export function firstRest(env: Times): number {
  return Number(env.RECONCILE_AFTER_SECONDS);
}

/** How long its message rests after so many deliveries: twice as long each time. Seconds. */
export function restAfter(env: Times, deliveries: number): number {
  return Math.min(REST_MAX_SECONDS, firstRest(env) * 2 ** Math.min(deliveries, 16));
}

/** Whether an attempt of that time has been asked for long enough. Unix ms. */
export function isOverdue(env: Times, createdAt: number, now: number): boolean {
  return now - createdAt > Number(env.RECONCILE_WITHIN_SECONDS) * 1_000;
}
