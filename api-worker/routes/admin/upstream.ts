import type { AppContext } from '../../env.ts';
import { openCircuits } from '../../upstream/circuits.ts';
import { modelList } from '../../upstream/model-list.ts';
import { healthOf } from '../health.ts';
import { latestComparison } from './account-comparisons.ts';

/**
 * GET /admin/upstream: whether the upstream is there, as GET /health sees it; how many models it lists; which of
 * them are passed over; and how its account of us last stood beside the ledger.
 */
export async function upstream(c: AppContext): Promise<Response> {
  const [{ components, checked_at }, models, circuits, latest_comparison] = await Promise.all([
    healthOf(c.env),
    modelList(c.env, (work) => c.executionCtx.waitUntil(work)).catch(() => null),
    openCircuits(c.env),
    latestComparison(c).catch(() => null),
  ]);
  return c.json({
    object: 'upstream',
    status: components.upstream === 'up' ? 'ok' : 'error',
    base_url: c.env.UPSTREAM_BASE_URL,
    checked_at,
    models: models?.length ?? null,
    circuits: circuits.map(({ model, openUntil }) => ({ model, open_until: new Date(openUntil).toISOString() })),
    latest_comparison,
  });
}
