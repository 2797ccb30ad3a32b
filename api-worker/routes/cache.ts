import type { AppContext } from '../env.ts';
import { unavailable } from '../http/errors.ts';
import { emptyCache } from '../limits/admission.ts';

/** DELETE /v1/cache: no answer that was stored for the caller's account is given again. */
export async function clearCache(c: AppContext): Promise<Response> {
  try {
    return c.json({ object: 'cache.emptied', generation: await emptyCache(c) });
  } catch (cause) {
    throw unavailable('The cache cannot be emptied at the moment. Please try again.', cause);
  }
}
