/** Of an error; that of D1 may quote a statement. */
const ERROR_MAX_CHARS = 500;
/** Of an error that is caused by one that is caused by one. */
const CAUSES_MAX = 4;

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
  log({ event: 'batch', ...counts }, startedAt, error);
}

interface JobEnd {
  job: string;
  /** Unix ms. */
  startedAt: number;
  result: Record<string, unknown>;
  /** Why it was not done; undefined if it was. */
  error: unknown;
}

/** One JSON line a job. */
export function logJob({ job, startedAt, result, error }: JobEnd): void {
  log({ event: 'job', job, ...result }, startedAt, error);
}

/** One JSON line for what failed and is made good elsewhere. */
export function logFailure(event: string, facts: Record<string, unknown>, error: unknown): void {
  console.error(JSON.stringify({ level: 'error', event, ...facts, error: describe(error) }));
}

interface AlertChange {
  name: string;
  state: 'ok' | 'firing';
  value: number | null;
  threshold: number;
  /** Unix ms. */
  changed_at: number;
}

/** One JSON line a change of an alert that is told. */
export function logAlert({ name, state, value, threshold, changed_at }: AlertChange): void {
  const level = state === 'firing' ? 'warn' : 'info';
  console.log(JSON.stringify({ level, event: 'alert', alert: name, state, value, threshold, changed_at }));
}

/**
 * What a log may tell of a thrown value: its message, and the classes of what caused it. Their messages may quote
 * anything, but for that of a fetch which PostHog's library gave up.
 */
export function describe(error: unknown): string {
  let told = error instanceof Error ? error.message : String(error);
  let effect = error;
  for (let depth = 0; depth < CAUSES_MAX && effect instanceof Error && effect.cause !== undefined; depth += 1) {
    const { name, cause } = effect;
    told += ` ← ${classOf(cause)}`;
    if (name === 'PostHogFetchNetworkError' && cause instanceof Error) told += `: ${cause.message}`;
    effect = cause;
  }
  return told.slice(0, ERROR_MAX_CHARS);
}

/** `name` may be set to anything. */
function classOf(cause: unknown): string {
  if (!(cause instanceof Error)) return typeof cause;
  return /^\w{1,64}$/.test(cause.name) ? cause.name : 'Error';
}

function log(line: Record<string, unknown>, startedAt: number, error: unknown): void {
  const failed = error !== undefined;
  console[failed ? 'error' : 'log'](
    JSON.stringify({
      level: failed ? 'error' : 'info',
      ...line,
      duration_ms: Date.now() - startedAt,
      ...(failed && { error: describe(error) }),
    }),
  );
}
