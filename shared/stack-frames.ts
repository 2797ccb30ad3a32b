/** A place in code. */
export interface StackFrame {
  /** Empty where it has no name. */
  function: string;
  /** From the project's root, or of the bundle its name: never a path of the machine that built it. */
  file: string;
  line: number;
  column: number;
}

const FRAMES_MAX = 30;
const LINE_MAX_CHARS = 500;
/** A line of a V8 stack: `    at async Server.fetch (file:///srv/api-worker/app.ts:12:3)`. */
const FRAME = /^\s+at (?:async )?(?:(?<name>[\w$.<>[\] ]+) \()?(?<file>[^\s()]+):(?<line>\d+):(?<column>\d+)\)?$/;
/** The name by which an object was asked for the function: it may be anything. */
const AS_CALLED = / \[as .*\]$/;
const IN_PROJECT = /(?:^|\/)((?:api-worker|consumer-worker|shared|node_modules)\/.*)$/;

/**
 * The frames of a thrown error, the innermost first. A stack begins with the error's message, which may
 * quote anything, on several lines, and such that look like frames: where it cannot be cut off, there are none.
 */
export function stackFrames({ stack, message }: Error): StackFrame[] {
  const start = typeof stack === 'string' ? stack.indexOf(message) : -1;
  if (start < 0) return [];
  const lines = String(stack)
    .slice(start + message.length)
    .split('\n', FRAMES_MAX + 1);
  return lines.flatMap((text) => {
    const { name, file, line, column } = (text.length <= LINE_MAX_CHARS && FRAME.exec(text)?.groups) || {};
    if (file === undefined) return [];
    return [
      {
        function: name?.replace(AS_CALLED, '') ?? '',
        file: inProject(file),
        line: Number(line),
        column: Number(column),
      },
    ];
  });
}

function inProject(file: string): string {
  const path = file.replace(/[?#].*$/, '');
  return IN_PROJECT.exec(path)?.[1] ?? path.slice(path.lastIndexOf('/') + 1);
}
