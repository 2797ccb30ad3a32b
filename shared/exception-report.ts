import * as z from 'zod';
import { d1Trouble } from './d1.ts';
import { uuidv7 } from './ids.ts';
import { stackFrames } from './stack-frames.ts';

/** An error and those that caused it, in all. */
const ERRORS_MAX = 4;
/** What a class is called; `name` may be set to anything. */
const TYPE = /^[\w$]{1,64}$/;
/** Errors of ours whose message is a sentence and a number. */
const OWN_MESSAGE = /^no answer within \d+ ms$/;

const text = z.string().max(500);

const Thrown = z.strictObject({
  /** Its class, such as `TypeError`. */
  type: text,
  /** Only where it cannot quote anything; null: withheld. */
  message: text.nullable(),
  /** The innermost first; see stack-frames.ts. */
  frames: z.array(z.strictObject({ function: text, file: text, line: z.int(), column: z.int() })).max(100),
});
type Thrown = z.infer<typeof Thrown>;

/**
 * A failure that nobody expected, on its way to error tracking by the analytics queue. No content and no key
 * is in it: classes, places in our code, the request's id. Messages are withheld unless they are known,
 * for any may quote what it was about: that of `JSON.parse` its input, a TypeError's the name of a property, D1's a value.
 */
export const ExceptionReport = z.strictObject({
  kind: z.literal('exception'),
  /** What makes a redelivery harmless. */
  id: z.uuidv7(),
  worker: z.enum(['api', 'consumer']),
  /** Where it surfaced: a route's pattern, a queue, or a job. */
  path: text,
  request_id: z.uuidv7().nullable(),
  /** The error, then what caused it, and so on. */
  thrown: z.array(Thrown).min(1).max(ERRORS_MAX),
  /** Unix ms. */
  created_at: z.int().nonnegative(),
});
export type ExceptionReport = z.infer<typeof ExceptionReport>;

/** A report of anything that was thrown. */
export function exceptionReport(
  error: unknown,
  { worker, path, requestId }: { worker: ExceptionReport['worker']; path: string; requestId: string | null },
): ExceptionReport {
  const thrown: Thrown[] = [];
  for (let next = error; next !== undefined && thrown.length < ERRORS_MAX; ) {
    thrown.push(told(next));
    next = next instanceof Error ? next.cause : undefined;
  }
  if (thrown.length === 0) thrown.push(told(error));
  const createdAt = Date.now();
  return {
    kind: 'exception',
    id: uuidv7(createdAt),
    worker,
    path: path.slice(0, 500),
    request_id: requestId,
    thrown,
    created_at: createdAt,
  };
}

function told(error: unknown): Thrown {
  if (!(error instanceof Error)) return { type: `thrown ${typeof error}`, message: null, frames: [] };
  return {
    type: TYPE.test(error.name) ? error.name : 'Error',
    message: safeMessage(error),
    frames: stackFrames(error),
  };
}

function safeMessage(error: Error): string | null {
  const trouble = error.message.startsWith('D1_') ? d1Trouble(error) : 'other';
  if (trouble !== 'other') return `D1: ${trouble}`;
  return OWN_MESSAGE.test(error.message) ? error.message : null;
}
