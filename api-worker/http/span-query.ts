import * as z from 'zod';
import { Instant } from './instant.ts';

const HOUR_MS = 3_600_000;

/**
 * The fields of a query for sums or histograms over a span of time: `start` inclusive, `end` exclusive, as
 * ISO; `user_id`: one account, or `*` for all; `group_by`: any of the groups, comma separated, put into their order.
 */
export function spanFields<const Group extends string>(groups: readonly Group[]) {
  return {
    start: Instant.optional(),
    end: Instant.optional(),
    user_id: z.string().max(256).optional(),
    group_by: z
      .string()
      .transform((text) => text.split(',').map((name) => name.trim()))
      .pipe(z.array(z.enum(groups)))
      .transform((asked) => groups.filter((group) => asked.includes(group)))
      .optional(),
  };
}

interface Asked<Group> {
  start?: number | undefined;
  end?: number | undefined;
  user_id?: string | undefined;
  group_by?: Group[] | undefined;
}

/** The span that is asked for, widened to whole hours, Unix ms; without a `start` it has a length of `defaultMs`. */
export function spanOf<Group>({ start, end, user_id, group_by }: Asked<Group>, defaultMs: number) {
  const until = end ?? Date.now();
  const to = Math.ceil(until / HOUR_MS) * HOUR_MS;
  const from = Math.floor((start ?? until - defaultMs) / HOUR_MS) * HOUR_MS;
  return { from, to, userId: user_id ?? null, groups: group_by ?? [] };
}

/** Whether a span begins before it ends; for `refine`, with {@link ENDS_FIRST}. */
export function hasLength({ from, to }: { from: number; to: number }): boolean {
  return from < to;
}

/** What is said of one that does not. */
export const ENDS_FIRST = { path: ['start'], message: "Invalid 'start': must be before 'end'." };
