/** Of a D1 error; its message may quote a statement. */
const ERROR_MAX_CHARS = 500;

interface BatchEnd {
  queue: string;
  /** Unix ms. */
  startedAt: number;
  messages: number;
  /** Messages whose events are where they belong. */
  written: number;
  dead_letters: number;
  retried: number;
  /** Why the batch was not written as a whole; undefined if it was. */
  error: unknown;
}

/** One JSON line a batch; never a message's body. */
export function logBatch({ startedAt, error, ...counts }: BatchEnd): void {
  const failed = error !== undefined;
  console[failed ? 'error' : 'log'](
    JSON.stringify({
      level: failed ? 'error' : 'info',
      event: 'batch',
      ...counts,
      duration_ms: Date.now() - startedAt,
      ...(failed && { error: (error instanceof Error ? error.message : String(error)).slice(0, ERROR_MAX_CHARS) }),
    }),
  );
}
