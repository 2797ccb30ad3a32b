import { ALL_ACCOUNTS } from '../../auth/principal.ts';
import type { AppContext } from '../../env.ts';
import { readQuery } from '../../http/input.ts';
import { accountOf } from './account.ts';
import { LatencyQuery, percentiles } from './percentiles.ts';

/** GET /usage/latency and /v1/usage/latency: percentiles of the caller's account; for admins, of another or of all. */
export async function usageLatency(c: AppContext): Promise<Response> {
  const query = readQuery(c, LatencyQuery);
  const account = accountOf(c, query.userId);
  return c.json({ ...(await percentiles(c, query, account)), user_id: account ?? ALL_ACCOUNTS });
}
