import { type QueueRole, queueRole } from './queue-role.ts';

/** The longest wait between deliveries: 50 of them take half a day. */
const DELAY_MAX_SECONDS = 900;
/**
 * The same of queues that wait as long as they keep messages: their 100 deliveries outlast those four days, however
 * chance shortens them. Of a dead-letter queue, behind which there is nothing but deletion, and of analytics, whose
 * messages are too large, and worth too little, to be kept in D1 while PostHog is away. No message rests much longer
 * than what it waits for was away.
 */
const PATIENT_DELAY_MAX_SECONDS = 5400;
const PATIENT: readonly QueueRole[] = ['dead-letters', 'analytics'];

/**
 * How long a message that could not be used is to rest, doubling with its deliveries from 2 s, up to a quarter
 * of an hour, or an hour and a half; a random share of it is taken off, so that a failed batch does not return
 * as one.
 *
 * @param attempts deliveries so far, from 1.
 */
export function restSeconds(queue: string, attempts: number, random: () => number = Math.random): number {
  const longest = PATIENT.includes(queueRole(queue)) ? PATIENT_DELAY_MAX_SECONDS : DELAY_MAX_SECONDS;
  const delay = Math.min(2 ** Math.min(attempts, 16), longest);
  return Math.max(1, Math.ceil(delay * (1 - random() / 4)));
}

/** Returns messages to their queue, each to rest by its own number of deliveries. */
export function giveBack(queue: string, messages: readonly Message[]): void {
  for (const message of messages) message.retry({ delaySeconds: restSeconds(queue, message.attempts) });
}
