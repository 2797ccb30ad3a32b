interface BatchEnd {
  queue: string;
  /** Unix ms. */
  startedAt: number;
  messages: number;
  written?: number;
  dead_letters?: number;
  retried?: number;
  error?: unknown;
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
      ...(failed && { error: error instanceof Error ? error.message : String(error) }),
    }),
  );
}
