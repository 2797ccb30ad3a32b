import * as z from 'zod';

const ISO = z.union([z.iso.date(), z.iso.datetime({ offset: true })]);

/** `2026-11-01` (midnight UTC) or `2026-11-01T08:30:00Z`, as Unix ms. */
export const Instant = z
  .string()
  .refine((text) => ISO.safeParse(text).success, { message: 'Expected an ISO date or instant such as 2026-11-01.' })
  .transform((text) => Date.parse(text))
  .meta({ anyOf: [{ format: 'date' }, { format: 'date-time' }] });
