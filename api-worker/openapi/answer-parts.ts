import * as z from 'zod';

/** What the schemas of answers are made of. */

export const text = z.string();
export const count = z.int().nonnegative();
/** Unix seconds, as in OpenAI's objects. */
export const seconds = z.int().nonnegative();
/** Exact decimal dollars. */
export const usd = text.meta({ examples: ['0.000123'] });

export const listOf = <T extends z.ZodType>(item: T) => z.object({ object: z.literal('list'), data: z.array(item) });
export const pageOf = <T extends z.ZodType>(item: T) =>
  listOf(item).extend({ first_id: text.nullable(), last_id: text.nullable(), has_more: z.boolean() });
