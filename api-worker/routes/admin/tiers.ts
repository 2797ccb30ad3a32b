import type * as z from 'zod';
import { forgetAll } from '../../auth/findings.ts';
import type { AppContext } from '../../env.ts';
import { readBody } from '../../http/input.ts';
import { apply, notFound } from './change.ts';
import { LimitsChange, readTiers, setLimits } from './limits.ts';

export const TierChange = LimitsChange.refine((change) => Object.keys(change).length > 0, {
  message: 'Nothing to change: the request body is empty.',
}).meta({ minProperties: 1 });

/** GET /admin/tiers */
export async function listTiers(c: AppContext): Promise<Response> {
  const tiers = await readTiers(c);
  return c.json({ object: 'list', data: tiers.map(shown) });
}

/** PATCH /admin/tiers/{id}: in force for all its accounts within 60 s. */
export async function updateTier(c: AppContext): Promise<Response> {
  const id = c.req.param('id') ?? '';
  const change: z.infer<typeof TierChange> = await readBody(c, TierChange);
  const tier = (await readTiers(c)).find((known) => known.id === id);
  if (!tier) throw notFound('tier', id);
  await apply(c, { action: 'tier.update', target: id, changes: change }, [setLimits(c.env.DB, 'tier', id, change)]);
  forgetAll();
  return c.json(shown({ ...tier, ...change } as typeof tier));
}

function shown({ id, ...limits }: Awaited<ReturnType<typeof readTiers>>[number]) {
  return { object: 'tier', id, limits };
}
