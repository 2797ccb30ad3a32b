import type { KVNamespace } from '@cloudflare/workers-types';

const LIMIT = 60;

/**
 * A rate limiter as it is often recommended: a counter in KV, read and then written. It stands here to
 * be measured against the account limiter, in the same runtime and under the same burst.
 */
export default {
  async fetch(request: Request, env: { COUNTER: KVNamespace }): Promise<Response> {
    const name = new URL(request.url).searchParams.get('account') ?? '';
    const count = Number((await env.COUNTER.get(name)) ?? 0);
    if (count >= LIMIT) return new Response(null, { status: 429 });
    await env.COUNTER.put(name, String(count + 1), { expirationTtl: 60 });
    return new Response(null, { status: 200 });
  },
};
