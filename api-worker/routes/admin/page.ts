import * as z from 'zod';

/** The query of every list: `limit` entries after the one with the id `after`, as OpenAI pages its lists. */
export const PageQuery = z.strictObject({
  limit: z.string().regex(/^\d+$/).transform(Number).pipe(z.int().min(1).max(100)).default(20),
  after: z.string().max(256).default(''),
});

/** One page of OpenAI's list shape, from one row more than it holds. */
export function pageOf<T extends { id: string }>(rows: readonly T[], limit: number) {
  const data = rows.slice(0, limit);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: rows.length > limit,
  };
}
