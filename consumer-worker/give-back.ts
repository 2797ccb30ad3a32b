/** The longest wait between deliveries; a queue keeps messages for days. */
const DELAY_MAX_SECONDS = 900;

/**
 * How long a message that could not be used is to rest, doubling with its deliveries from 2 s, up to
 * a quarter of an hour; a random share of it is taken off, so that a failed batch does not return as one.
 *
 * @param attempts deliveries so far, from 1.
 */
export function restSeconds(attempts: number, random: () => number = Math.random): number {
  const delay = Math.min(2 ** Math.min(attempts, 16), DELAY_MAX_SECONDS);
  return Math.max(1, Math.ceil(delay * (1 - random() / 4)));
}

/** Returns messages to their queue, each to rest by its own number of deliveries. */
export function giveBack(messages: readonly Message[]): void {
  for (const message of messages) message.retry({ delaySeconds: restSeconds(message.attempts) });
}
