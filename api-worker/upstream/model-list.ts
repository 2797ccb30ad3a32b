import * as z from 'zod';
import type { Env } from '../env.ts';
import { UpstreamModel } from './upstream-model.ts';

const FRESH_MS = 10 * 60_000;
/** For how long an isolate trusts what it read from KV. */
const MEMORY_MS = 60_000;
const TIMEOUT_MS = 10_000;
const PAGES_MAX = 20;
const KV_KEY = 'models';

const Page = z.object({
  data: z.array(z.unknown()),
  links: z.object({ next: z.string().nullish() }).nullish().catch(null),
});
const Cached = z.object({ fetchedAt: z.number(), models: z.array(UpstreamModel) });

let memory: { models: UpstreamModel[]; upstream: string; until: number } | null = null;

/**
 * The upstream's models as {@link modelList} has them, for those who ask on every request: from the
 * isolate's memory, looked up again each minute behind the request. Only a fresh isolate waits.
 */
export async function knownModels(env: Env, keepAlive: (work: Promise<unknown>) => void): Promise<UpstreamModel[]> {
  const known = memory?.upstream === env.UPSTREAM_BASE_URL ? memory : null;
  if (known && known.until > Date.now()) return known.models;
  if (known) known.until = Date.now() + MEMORY_MS;
  const looking = modelList(env, keepAlive).then((models) => {
    memory = { models, upstream: env.UPSTREAM_BASE_URL, until: Date.now() + MEMORY_MS };
    return models;
  });
  if (!known) return looking;
  keepAlive(looking.catch(() => undefined));
  return known.models;
}

/**
 * The upstream's models from KV, at most 10 minutes old; an older list is served as it is while a new
 * one is fetched behind it, so that an upstream that is down takes no model away.
 *
 * @param keepAlive takes work that the caller does not wait for (`ctx.waitUntil`).
 * @throws when there is no list in KV and none can be fetched.
 */
export async function modelList(env: Env, keepAlive: (work: Promise<unknown>) => void): Promise<UpstreamModel[]> {
  const cached = Cached.safeParse(await env.CACHE.get(KV_KEY, 'json').catch(() => null));
  if (!cached.success) return refresh(env, keepAlive);
  if (Date.now() - cached.data.fetchedAt > FRESH_MS) keepAlive(refresh(env, keepAlive).catch(() => undefined));
  return cached.data.models;
}

async function refresh(env: Env, keepAlive: (work: Promise<unknown>) => void): Promise<UpstreamModel[]> {
  const models = await fetchModels(env);
  const write = env.CACHE.put(KV_KEY, JSON.stringify({ fetchedAt: Date.now(), models }));
  keepAlive(write.catch(() => undefined));
  return models;
}

/** OpenRouter lists models for embeddings apart. Where they cannot be had, the others are. */
async function fetchModels(env: Env): Promise<UpstreamModel[]> {
  const [models, embedding] = await Promise.all([
    fetchList(env, '/models'),
    fetchList(env, '/embeddings/models').catch(() => []),
  ]);
  if (models.length === 0) throw new Error('model list: upstream listed none');
  return [...models, ...embedding.filter(({ id }) => !models.some((model) => model.id === id))];
}

async function fetchList(env: Env, path: string): Promise<UpstreamModel[]> {
  const models: UpstreamModel[] = [];
  let url: string | null = env.UPSTREAM_BASE_URL + path;
  for (let pages = 0; url !== null && pages < PAGES_MAX; pages += 1) {
    const response: Response = await fetch(url, {
      headers: { authorization: `Bearer ${env.OPENROUTER_API_KEY ?? ''}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`model list: upstream answered ${response.status}`);
    const page: z.infer<typeof Page> = Page.parse(await response.json());
    for (const entry of page.data) {
      const model = UpstreamModel.safeParse(entry);
      if (model.success) models.push(model.data);
    }
    url = nextPage(page.links?.next ?? null, url);
  }
  return models;
}

/** The next page's URL, only within the upstream's own origin: our key goes with the request. */
export function nextPage(next: string | null, current: string): string | null {
  if (next === null) return null;
  const url = new URL(next, current);
  return url.origin === new URL(current).origin ? url.href : null;
}
