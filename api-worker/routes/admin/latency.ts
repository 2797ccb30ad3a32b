import { ALL_ACCOUNTS } from '../../auth/principal.ts';
import type { AppContext } from '../../env.ts';
import { readQuery } from '../../http/input.ts';
import { LatencyQuery, percentiles } from '../usage/percentiles.ts';

/** GET /admin/latency: percentiles over all accounts, or of one. */
export async function latency(c: AppContext): Promise<Response> {
  const query = readQuery(c, LatencyQuery);
  const account = query.userId === ALL_ACCOUNTS ? null : query.userId;
  return c.json({ ...(await percentiles(c, query, account)), user_id: account });
}
