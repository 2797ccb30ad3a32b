import { isObject } from '../analytics/is-object.ts';

/** The members of a message of the analytics queue that hold content; their lengths stay beside them. */
const CONTENT = ['input', 'output'] as const;

/**
 * A message of the analytics queue without what was asked and answered, which has no place in the database that
 * bills. When it is replayed, PostHog is told why there is none.
 */
export function withoutContent(body: unknown): unknown {
  if (!isObject(body)) return body;
  const held = CONTENT.filter((name) => (body[name] ?? null) !== null);
  const left = held.flatMap((name) => [
    [name, null],
    [`${name}_omitted`, 'dead_letter'],
  ]);
  return { ...body, ...Object.fromEntries(left) };
}
