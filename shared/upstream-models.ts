import * as z from 'zod';
import type { Upstream } from './generation.ts';

const TIMEOUT_MS = 10_000;
const PAGES_MAX = 20;

const Page = z.object({
  data: z.array(z.unknown()),
  links: z.object({ next: z.string().nullish() }).nullish().catch(null),
});
const Named = z.looseObject({ id: z.string().min(1) });

/** A model as the upstream lists it: its id, and what else it tells. */
export type ListedModel = z.infer<typeof Named>;

/**
 * Every model that the upstream lists. OpenRouter lists models for embeddings apart; where
 * they cannot be had, the others are.
 *
 * @throws when the list cannot be had whole, or is empty.
 */
export async function listUpstreamModels(upstream: Upstream): Promise<ListedModel[]> {
  const [models, embedding] = await Promise.all([
    fetchList(upstream, '/models'),
    fetchList(upstream, '/embeddings/models').catch(() => []),
  ]);
  if (models.length === 0) throw new Error('model list: upstream listed none');
  const ids = new Set(models.map(({ id }) => id));
  return [...models, ...embedding.filter(({ id }) => !ids.has(id))];
}

async function fetchList(upstream: Upstream, path: string): Promise<ListedModel[]> {
  const models: ListedModel[] = [];
  let url: string | null = upstream.UPSTREAM_BASE_URL + path;
  for (let pages = 0; url !== null && pages < PAGES_MAX; pages += 1) {
    const response: Response = await fetch(url, {
      headers: { authorization: `Bearer ${upstream.OPENROUTER_API_KEY ?? ''}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`model list: upstream answered ${response.status}`);
    }
    const page: z.infer<typeof Page> = Page.parse(await response.json());
    for (const entry of page.data) {
      const model = Named.safeParse(entry);
      if (model.success) models.push(model.data);
    }
    url = nextPage(page.links?.next ?? null, url);
  }
  if (url !== null) throw new Error(`model list: more than ${PAGES_MAX} pages`);
  return models;
}

/** The next page's URL, only within the upstream's own origin: our key goes with the request. */
export function nextPage(next: string | null, current: string): string | null {
  if (next === null) return null;
  const url = new URL(next, current);
  return url.origin === new URL(current).origin ? url.href : null;
}
