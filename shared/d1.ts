import pRetry from 'p-retry';

/**
 * What a failed D1 call says of a second one: `transient` may be repeated at once if it is
 * idempotent, `overloaded` asks for less load, `other` will fail again.
 */
export type D1Trouble = 'transient' | 'overloaded' | 'other';

/** Cloudflare's list of errors after which an idempotent query may be retried. */
const TRANSIENT = [
  'network connection lost',
  'storage caused object to be reset',
  'reset because its code was updated',
  'cannot resolve d1 db due to transient issue',
];

/** Sorts an error thrown by D1 by its message, the only thing that tells. */
export function d1Trouble(error: unknown): D1Trouble {
  const message = String(
    error instanceof Error ? `${error.message} ${String(error.cause ?? '')}` : error,
  ).toLowerCase();
  if (message.includes('overloaded')) return 'overloaded';
  return TRANSIENT.some((text) => message.includes(text)) ? 'transient' : 'other';
}

/**
 * Runs idempotent statements as one transaction, again at once (three times, within a second) after
 * a transient failure.
 *
 * @returns what each of them did when it ran last.
 * @throws what D1 threw last.
 */
export function runTransaction(db: D1Database, statements: D1PreparedStatement[]): Promise<D1Result[]> {
  return pRetry(() => db.batch(statements), {
    retries: 3,
    minTimeout: 20,
    maxTimeout: 300,
    randomize: true,
    shouldRetry: ({ error }) => d1Trouble(error) === 'transient',
  });
}
