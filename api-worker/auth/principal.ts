import * as z from 'zod';
import { Limits } from '../limits/limits.ts';

export const PERMISSIONS = ['read', 'write', 'admin'] as const;

/** `read`: models and the account's usage; `write`: what costs money; `admin`: /admin and everyone's usage. None includes another. */
export const Permission = z.enum(PERMISSIONS);
export type Permission = z.infer<typeof Permission>;

/** Stands for all accounts where one may be named: no account's id. */
export const ALL_ACCOUNTS = '*';

/** Who is calling: the account that is billed, and what the key or token allows. */
export const Principal = z.object({
  /** `jwt` for a token. */
  keyId: z.string(),
  userId: z.string(),
  permissions: z.array(Permission),
  /** The account's, its own limits over its tier's. */
  limits: Limits,
  /** Requests a minute of this key alone; null: it shares the account's. */
  keyRateLimit: z.int().nullable(),
  /** Whether broken streams are continued on another model without being asked to. */
  resume: z.boolean(),
  /** Whether analytics are told lengths instead of content. */
  privacy: z.boolean(),
  /** Unix ms, from when the key is refused; null: never. */
  expiresAt: z.number().nullable(),
});
export type Principal = z.infer<typeof Principal>;
