import type { ExceptionReport } from '../../shared/exception-report.ts';
import type { StackFrame } from '../../shared/stack-frames.ts';
import type { Capture } from './captures.ts';

/** Code that is not ours: libraries, the runtime. */
const FOREIGN = /^(?:node_modules\/|node:|cloudflare)/;

/**
 * A report as the event of PostHog's error tracking (https://posthog.com/docs/error-tracking/installation/manual).
 * It is nobody's: no person is made of a worker.
 */
export function exceptionCapture({ id, worker, path, request_id, thrown, created_at }: ExceptionReport): Capture {
  return {
    event: '$exception',
    distinctId: `${worker}-worker`,
    uuid: id,
    timestamp: new Date(created_at),
    properties: {
      $process_person_profile: false,
      $exception_level: 'error',
      $exception_list: thrown.map(({ type, message, frames }, place) => ({
        type,
        value: message ?? 'message withheld',
        mechanism: {
          handled: true,
          synthetic: false,
          exception_id: place,
          ...(place === 0 ? { type: 'generic' } : { type: 'chained', source: 'cause', parent_id: place - 1 }),
        },
        stacktrace: { type: 'raw', frames: frames.map(asPostHogFrame).reverse() },
      })),
      worker,
      path,
      request_id,
    },
  };
}

/** PostHog wants the innermost last. */
function asPostHogFrame({ function: name, file, line, column }: StackFrame): Record<string, unknown> {
  return {
    platform: 'node:javascript',
    function: name || '?',
    filename: file,
    lineno: line,
    colno: column,
    in_app: !FOREIGN.test(file),
  };
}
