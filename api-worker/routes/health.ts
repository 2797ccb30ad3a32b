import type { AppContext, Env } from '../env.ts';
import { within } from '../within.ts';

const FRESH_MS = 10_000;
const TIMEOUT_MS = 2_000;

type State = 'up' | 'down' | 'off';
interface Health {
  status: 'ok' | 'degraded' | 'down';
  components: { database: State; upstream: State; analytics: State };
  checked_at: string;
}

let latest: { health: Health; freshUntil: number } | null = null;

/** GET /health, public: 503 when requests cannot be served; analytics alone being down only degrades. */
export async function health(c: AppContext): Promise<Response> {
  const health = await healthOf(c.env);
  c.header('cache-control', 'no-store');
  return c.json(health, health.status === 'down' ? 503 : 200);
}

/** What we stand on, looked at no more than once in 10 s an isolate. */
export async function healthOf(env: Env): Promise<Health> {
  const now = Date.now();
  if (!latest || latest.freshUntil <= now) {
    // While one request looks, others are told what was last seen.
    if (latest) latest.freshUntil = now + FRESH_MS;
    latest = { health: await check(env), freshUntil: now + FRESH_MS };
  }
  return latest.health;
}

async function check(env: Env): Promise<Health> {
  const [database, upstream, analytics] = await Promise.all([
    state(env.DB.prepare('SELECT 1').first()),
    // The cheapest question that also shows whether our key is accepted.
    state(reach(`${env.UPSTREAM_BASE_URL}/key`, { authorization: `Bearer ${env.OPENROUTER_API_KEY ?? ''}` })),
    env.POSTHOG_API_KEY ? state(reach(env.POSTHOG_HOST)) : ('off' as const),
  ]);
  const serving = database === 'up' && upstream === 'up';
  return {
    status: !serving ? 'down' : analytics === 'down' ? 'degraded' : 'ok',
    components: { database, upstream, analytics },
    checked_at: new Date().toISOString(),
  };
}

async function reach(url: string, headers: Record<string, string> = {}): Promise<void> {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  await response.body?.cancel();
  if (response.status >= 500 || response.status === 401) throw new Error(`answered ${response.status}`);
}

function state(check: Promise<unknown>): Promise<State> {
  return within(TIMEOUT_MS, check).then(
    () => 'up',
    () => 'down',
  );
}
