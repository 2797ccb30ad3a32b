import type { AppContext } from '../env.ts';
import { ApiError, retryAfter } from '../http/errors.ts';
import { addressBlock, addressOf } from './address.ts';

const SUSPECT_MS = 60_000;
const SUSPECTS_MAX = 10_000;

/** Addresses that sent this isolate an unknown key, oldest first, and until when they are watched, Unix ms. */
const suspects = new Map<string, number>();

/** An unknown key came from the caller's address: from now on its look-ups are counted. */
export function suspect(c: AppContext): void {
  const address = addressOf(c);
  if (address === null) return;
  const block = addressBlock(address);
  suspects.delete(block);
  suspects.set(block, Date.now() + SUSPECT_MS);
  const [oldest] = suspects.keys();
  if (suspects.size > SUSPECTS_MAX && oldest !== undefined) suspects.delete(oldest);
}

/**
 * To be asked before D1 is: stops an address that tries key after key. Only addresses that sent an
 * unknown key are counted, so that many good keys behind one address, or a burst with one that no cache
 * has yet, pass.
 *
 * @throws ApiError 429
 */
export async function stopGuessing(c: AppContext): Promise<void> {
  const address = addressOf(c);
  const block = address === null ? '' : addressBlock(address);
  if ((suspects.get(block) ?? 0) <= Date.now()) return;
  // A counter that fails must not keep keys out.
  const { success } = await c.env.ADDRESS_LIMITER.limit({ key: block }).catch(() => ({ success: true }));
  if (success) return;
  throw new ApiError(429, {
    message: 'Too many unknown API keys from your address. Please try again in a minute.',
    type: 'requests',
    code: 'rate_limit_exceeded',
    headers: retryAfter(60_000),
  });
}
