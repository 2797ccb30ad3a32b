import type { AppContext } from '../env.ts';

const CACHE_CONTROL = 'public, max-age=300';

/** A page of ours, or a script of one. */
export function page(c: AppContext, body: string, type: 'html' | 'javascript' = 'html'): Response {
  return c.body(body, 200, { 'content-type': `text/${type}; charset=utf-8`, 'cache-control': CACHE_CONTROL });
}

/** A file that scripts/assets.ts made, by its path among the assets; 304 to who has it. */
export async function asset(c: AppContext, path: string): Promise<Response> {
  const known = c.req.header('if-none-match');
  const file = await c.env.ASSETS.fetch(new URL(path, c.req.url), { headers: known ? { 'if-none-match': known } : {} });
  // A copy, since the headers of one that was fetched cannot be changed.
  return new Response(file.body, file);
}
