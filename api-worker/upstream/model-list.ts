import * as z from 'zod';
import { listUpstreamModels } from '../../shared/upstream-models.ts';
import type { Env } from '../env.ts';
import { UpstreamModel } from './upstream-model.ts';

const FRESH_MS = 10 * 60_000;
/** For how long an isolate trusts what it read from KV. */
const MEMORY_MS = 60_000;
const KV_KEY = 'models';

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
  const models = (await listUpstreamModels(env)).flatMap((model) => UpstreamModel.safeParse(model).data ?? []);
  const write = env.CACHE.put(KV_KEY, JSON.stringify({ fetchedAt: Date.now(), models }));
  keepAlive(write.catch(() => undefined));
  return models;
}
