import type * as z from 'zod';
import type { AppContext } from '../env.ts';
import { ApiError } from './errors.ts';
import { readJson } from './json-body.ts';
import { invalidRequest } from './validate.ts';

/** The request's JSON body by its schema; 400 when it is not. */
export async function readBody<T>(c: AppContext, schema: z.ZodType<T>): Promise<T> {
  return check(schema, (await readJson(c)).value);
}

/**
 * The same with the body's text, for who passes it on.
 *
 * @param mend puts a text right before it is read.
 */
export async function readBodyAndText<T>(
  c: AppContext,
  schema: z.ZodType<T>,
  mend?: (text: string) => string,
): Promise<{ text: string; body: T }> {
  const { text, value } = await readJson(c, mend);
  return { text, body: check(schema, value) };
}

/**
 * The request's query by its schema; 400 when it is not. A parameter that is given several times, or
 * as `name[]`, is an array.
 */
export function readQuery<T>(c: AppContext, schema: z.ZodType<T>): T {
  const query: Record<string, string | string[]> = {};
  for (const [given, values] of Object.entries(c.req.queries())) {
    const name = given.replace(/\[\]$/, '');
    const all = [query[name] ?? [], values].flat();
    query[name] = all.length === 1 && name === given ? (all[0] ?? '') : all;
  }
  return check(schema, query);
}

function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (!parsed.success) throw new ApiError(400, invalidRequest(parsed.error));
  return parsed.data;
}
