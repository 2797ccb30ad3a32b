import * as z from 'zod';
import type { AppContext } from '../../env.ts';
import { ApiError } from '../../http/errors.ts';
import { INTEGER } from '../../http/validate.ts';
import { LIMIT_NAMES, type Limits } from '../../limits/limits.ts';
import { inDatabase } from './change.ts';

const limit = z.int().min(0, INTEGER).max(Number.MAX_SAFE_INTEGER, INTEGER).nullable();

/** Limits to be set; those left out stay as they are. Null: no limit of its own. */
export const LimitsChange = z
  .strictObject(Object.fromEntries(LIMIT_NAMES.map((name) => [name, limit])) as Record<keyof Limits, typeof limit>)
  .partial();
export type LimitsChange = z.infer<typeof LimitsChange>;

type Scope = 'tier' | 'account';

const TIERS = `SELECT subject AS id, ${LIMIT_NAMES.join(', ')} FROM rate_limits WHERE scope = 'tier' ORDER BY subject`;

/** All tiers by name. */
export async function readTiers(c: AppContext): Promise<(Limits & { id: string })[]> {
  const { results } = await inDatabase(() => c.env.DB.prepare(TIERS).all<Limits & { id: string }>());
  return results;
}

/** The statement that sets some limits and leaves the others. */
export function setLimits(db: D1Database, scope: Scope, subject: string, change: LimitsChange): D1PreparedStatement {
  const names = LIMIT_NAMES.filter((name) => change[name] !== undefined);
  const columns = ['scope', 'subject', ...names];
  return db
    .prepare(
      `INSERT INTO rate_limits (${columns.join(', ')}) VALUES (${columns.map((_, n) => `?${n + 1}`).join(', ')})
       ON CONFLICT DO ${names.length > 0 ? `UPDATE SET ${names.map((name) => `${name} = excluded.${name}`).join(', ')}` : 'NOTHING'}`,
    )
    .bind(scope, subject, ...names.map((name) => change[name] ?? null));
}

/** 400 unless the tier exists; none is always right. */
export async function requireTier(c: AppContext, tier: string | null | undefined): Promise<void> {
  if (tier == null) return;
  const tiers = await readTiers(c);
  if (tiers.some(({ id }) => id === tier)) return;
  throw new ApiError(400, {
    message: `Invalid value for 'tier': '${tier.slice(0, 64)}'. Supported values are: ${tiers.map(({ id }) => `'${id}'`).join(', ')}.`,
    param: 'tier',
    code: 'invalid_value',
  });
}
