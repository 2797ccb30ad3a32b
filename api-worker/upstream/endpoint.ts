import type { Env } from '../env.ts';

/** For whom the upstream is called. */
export interface Caller {
  userId: string;
  requestId: string;
}

/** Where an upstream call goes and what it says of us: to the upstream itself, or through Cloudflare AI Gateway. */
export function endpoint(env: Env, path: string, caller: Caller): { url: string; headers: Record<string, string> } {
  const headers = {
    authorization: `Bearer ${env.OPENROUTER_API_KEY ?? ''}`,
    'content-type': 'application/json',
    'http-referer': env.ATTRIBUTION_URL,
    'x-title': env.ATTRIBUTION_TITLE,
  };
  if (!env.AI_GATEWAY_BASE_URL) return { url: env.UPSTREAM_BASE_URL + path, headers };
  return { url: env.AI_GATEWAY_BASE_URL + path, headers: { ...headers, ...aiGatewayHeaders(env, caller) } };
}

/** Its own retries and cache are off: two layers of them would multiply attempts and hide them from the ledger. */
function aiGatewayHeaders(env: Env, { userId, requestId }: Caller): Record<string, string> {
  return {
    ...(env.AI_GATEWAY_TOKEN && { 'cf-aig-authorization': `Bearer ${env.AI_GATEWAY_TOKEN}` }),
    'cf-aig-metadata': JSON.stringify({ account: userId, request_id: requestId }),
    'cf-aig-max-attempts': '1',
    'cf-aig-skip-cache': 'true',
  };
}
