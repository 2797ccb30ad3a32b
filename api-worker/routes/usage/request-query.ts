import * as z from 'zod';
import { Format } from '../../http/csv.ts';
import { Instant } from '../../http/instant.ts';
import { ENDS_FIRST } from '../../http/span-query.ts';
import { PageQuery } from '../admin/page.ts';

/** A request's id, or its beginning up to the millisecond, as `scanned_to` may be. */
const PLACE = /^([\da-f]{8}-[\da-f]{4}(-[\da-f]{4}-[\da-f]{4}-[\da-f]{12})?)?$/;

/** The query of GET /usage/requests: `start` inclusive, `end` exclusive, to the millisecond. */
export const RequestsQuery = PageQuery.extend({
  after: z
    .string()
    .refine((text) => PLACE.test(text), {
      message: "Invalid 'after': expected the 'last_id' of the page before, or a request's id.",
    })
    .default(''),
  start: Instant.optional(),
  end: Instant.optional(),
  user_id: z.string().max(256).optional(),
  model: z.string().min(1).max(512).optional(),
  key: z.string().min(1).max(512).optional(),
  outcome: z.enum(['ok', 'error']).optional(),
  format: Format,
}).refine(({ start = Number.NEGATIVE_INFINITY, end = Number.POSITIVE_INFINITY }) => start < end, ENDS_FIRST);
export type RequestsQuery = z.infer<typeof RequestsQuery>;
