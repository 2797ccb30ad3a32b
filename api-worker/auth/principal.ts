import * as z from 'zod';

/** Who is calling: an active key and the account that it bills. */
export const Principal = z.object({
  keyId: z.string(),
  userId: z.string(),
  /** Requests a minute; null: the default of RATE_LIMIT_PER_MINUTE. */
  rateLimit: z.number().int().nullable(),
});
export type Principal = z.infer<typeof Principal>;
