import { decode, verify, verifyWithJwks } from 'hono/jwt';
import * as z from 'zod';
import type { Env } from '../env.ts';
import { ALL_ACCOUNTS, Permission } from './principal.ts';

/** What a token says, once its signature, issuer, audience and times are known to be right. */
const Claims = z.object({
  /** The account. */
  sub: z
    .string()
    .min(1)
    .max(128)
    .refine((sub) => sub !== ALL_ACCOUNTS),
  permissions: z.array(Permission),
  /** Of rate_limits; null: the account's own. */
  tier: z
    .string()
    .min(1)
    .max(64)
    .nullish()
    .transform((tier) => tier ?? null),
  /** Unix seconds. Required: a token without an end could not be taken back. */
  exp: z.number(),
});
export type Claims = z.infer<typeof Claims>;

/** The signatures that identity providers use. HS256 belongs to JWT_SECRET alone, `none` to nobody. */
const ASYMMETRIC = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] as const;
/** RFC 7518, 3.2: an HS256 key has at least 256 bits. */
const SECRET_MIN_LENGTH = 32;

const JWKS_FRESH_MS = 10 * 60_000;
/** A token may name a key that is new; made-up names must not make us ask for each. */
const JWKS_RETRY_MS = 60_000;
const JWKS_TIMEOUT_MS = 5_000;

const Jwks = z.object({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string() })) });
type Key = NonNullable<Parameters<typeof verifyWithJwks>[1]['keys']>[number];

/** Whether a bearer token has the form of a JWT (RFC 7519): three base64url parts, the first a JSON object. */
export function isJwt(token: string): boolean {
  return /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/.test(token);
}

/** Thrown when the issuer's keys cannot be had: nothing is known of the token. */
export class JwksUnavailable extends Error {
  override readonly name = 'JwksUnavailable';
}

/**
 * The claims of a token that is signed, in time, of JWT_ISSUER and for JWT_AUDIENCE; null for any other.
 * HS256 tokens are verified by JWT_SECRET, all others by the keys at JWT_JWKS_URL; what is not
 * configured is not accepted.
 *
 * @throws JwksUnavailable
 */
export async function verifyJwt(env: Env, token: string): Promise<Claims | null> {
  const { JWT_ISSUER: iss, JWT_AUDIENCE: aud } = env;
  if (!iss || !aud) return null;
  try {
    const { alg, kid } = decode(token).header;
    if (alg === 'HS256') return claimsOf(await verifySecret(env, token, { iss, aud }));
    const allowedAlgorithms = ASYMMETRIC.filter((allowed) => allowed === alg);
    // Before the keys are asked for: a token that cannot be right must not cost a request.
    if (allowedAlgorithms.length === 0 || !kid) return null;
    const keys = await keysWith(env, kid);
    return claimsOf(await verifyWithJwks(token, { keys, allowedAlgorithms, verification: { iss, aud } }));
  } catch (error) {
    if (error instanceof JwksUnavailable) throw error;
    return null;
  }
}

function claimsOf(payload: unknown): Claims | null {
  return Claims.safeParse(payload).data ?? null;
}

async function verifySecret(env: Env, token: string, expected: { iss: string; aud: string }): Promise<unknown> {
  const secret = env.JWT_SECRET ?? '';
  if (secret.length < SECRET_MIN_LENGTH) return null;
  return verify(token, secret, { alg: 'HS256', ...expected });
}

let known: { url: string; keys: Key[]; fetchedAt: number } | null = null;

/** The issuer's keys, asked for again when they are old or lack the one that a token names. */
async function keysWith(env: Env, kid: string): Promise<Key[]> {
  const url = env.JWT_JWKS_URL;
  if (!url) return [];
  const now = Date.now();
  if (known?.url === url) {
    const age = now - known.fetchedAt;
    const wanted = known.keys.some((key) => key.kid === kid);
    if (age < (wanted ? JWKS_FRESH_MS : JWKS_RETRY_MS)) return known.keys;
  }
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(JWKS_TIMEOUT_MS) });
    if (!response.ok) throw new Error(`answered ${response.status}`);
    known = { url, keys: Jwks.parse(await response.json()).keys as Key[], fetchedAt: now };
    return known.keys;
  } catch (cause) {
    // Keys seldom change: old ones are better than none, for those that they know.
    if (known?.url === url && known.keys.some((key) => key.kid === kid)) return known.keys;
    throw new JwksUnavailable('The keys at JWT_JWKS_URL cannot be read', { cause });
  }
}
