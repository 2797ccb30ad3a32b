import { sign } from 'hono/jwt';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../../api-worker/env.ts';
import { applySchema, call, chat, createKey, env, errorOf, HELLO } from './support.ts';

const SECRET = 'a secret of the tests, 32 characters or more';
const ISSUER = 'https://issuer.example';
const AUDIENCE = 'openai-api';
const JWKS_URL = 'https://issuer.example/.well-known/jwks.json';
const BY_SECRET: Partial<Env> = { JWT_SECRET: SECRET, JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE };
const BY_JWKS: Partial<Env> = { JWT_JWKS_URL: JWKS_URL, JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE };

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const claims = (change: object = {}) => ({
  sub: 'tokens',
  permissions: ['read', 'write'],
  iss: ISSUER,
  aud: AUDIENCE,
  exp: inSeconds(600),
  ...change,
});
const hs256 = (change: object = {}, secret = SECRET) => sign(claims(change), secret, 'HS256');
const models = (token: string, changed: Partial<Env>) => call('/v1/models', { key: token, env: changed });

/** A key pair of the issuer, and what it publishes of it. */
async function rsa(kid: string) {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const pair = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair;
  const published = { ...((await crypto.subtle.exportKey('jwk', pair.publicKey)) as JsonWebKey), kid, alg: 'RS256' };
  const secret = {
    ...((await crypto.subtle.exportKey('jwk', pair.privateKey)) as JsonWebKey),
    kid,
    alg: 'RS256' as const,
  };
  return { published, token: (change: object = {}) => sign(claims(change), secret, 'RS256') };
}

/** Lets the issuer publish keys; returns how often it was asked. */
function publish(keys: () => readonly unknown[] | null) {
  const real = globalThis.fetch;
  const state = { asked: 0 };
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    if (String(input) !== JWKS_URL) return real(input, init);
    state.asked += 1;
    const published = keys();
    return published ? Response.json({ keys: published }) : new Response('down', { status: 500 });
  });
  return state;
}

function base64Url(value: object): string {
  return btoa(JSON.stringify(value)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

beforeAll(applySchema);
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('a token signed with JWT_SECRET', () => {
  it('is accepted for the account, permissions and tier that it names', async () => {
    const token = await hs256({ tier: 'premium' });
    const answer = await chat(token, HELLO, BY_SECRET);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-ratelimit-limit-requests')).toBe('6000');
    const reader = await hs256({ permissions: ['read'] });
    expect((await models(reader, BY_SECRET)).status).toBe(200);
    expect((await chat(reader, HELLO, BY_SECRET)).status).toBe(403);
  });

  it('has the tier of its account if it names none, and `free` if there is no such account', async () => {
    await env.DB.prepare("INSERT INTO users (id, name, tier, created_at) VALUES ('known', 'x', 'unlimited', 0)").run();
    const limit = async (change: object) =>
      (await models(await hs256(change), BY_SECRET)).headers.get('x-ratelimit-limit-requests');
    expect(await limit({ sub: 'known' })).toBe('1000000');
    expect(await limit({ sub: 'stranger' })).toBe('20');
  });

  it.each<[string, () => Promise<string> | string]>([
    ['has expired', () => hs256({ exp: inSeconds(-1) })],
    ['never expires', () => hs256({ exp: undefined })],
    ['is not valid yet', () => hs256({ nbf: inSeconds(60) })],
    ['is of another issuer', () => hs256({ iss: 'https://elsewhere.example' })],
    ['names no issuer', () => hs256({ iss: undefined })],
    ['is for another audience', () => hs256({ aud: 'another-api' })],
    ['names no account', () => hs256({ sub: undefined })],
    ['names all accounts', () => hs256({ sub: '*' })],
    ['names no permissions', () => hs256({ permissions: undefined })],
    ['names a permission that there is not', () => hs256({ permissions: ['root'] })],
    ['is signed with another secret', () => hs256({}, 'another secret, also of 32 characters')],
    ['is signed with HS512', () => sign(claims(), SECRET, 'HS512')],
    ['is not signed', () => `${base64Url({ alg: 'none', typ: 'JWT' })}.${base64Url(claims())}.`],
    ['is not signed, in capitals', () => `${base64Url({ alg: 'NONE', typ: 'JWT' })}.${base64Url(claims())}.`],
    ['was changed', async () => (await hs256()).replace(/\.[^.]+\./, `.${base64Url(claims({ sub: 'victim' }))}.`)],
    ['is cut short', async () => (await hs256()).slice(0, -1)],
    ['is no JSON', () => 'eyJhbGciOi.eyJzdWIi.c2ln'],
    ['is too long', async () => hs256({ padding: 'x'.repeat(10_000) })],
  ])('is refused with 401 when it %s', async (_, token) => {
    const answer = await models(await token(), BY_SECRET);
    expect(answer.status).toBe(401);
    expect(errorOf(answer)).toMatchObject({ type: 'invalid_request_error', code: 'invalid_api_key' });
  });

  it('is refused for an inactive account', async () => {
    await createKey('gone');
    await env.DB.prepare("UPDATE users SET is_active = 0 WHERE id = 'gone'").run();
    expect((await models(await hs256({ sub: 'gone' }), BY_SECRET)).status).toBe(401);
  });

  it.each<[string, Partial<Env>]>([
    ['no secret', { JWT_SECRET: '' }],
    ['a short secret', { JWT_SECRET: 'short' }],
    ['no issuer', { JWT_ISSUER: '' }],
    ['no audience', { JWT_AUDIENCE: '' }],
  ])('is refused while %s is configured', async (_, changed) => {
    const token = await hs256({}, changed.JWT_SECRET || SECRET);
    expect((await models(token, { ...BY_SECRET, ...changed })).status).toBe(401);
  });
});

describe('a token signed with a key of JWT_JWKS_URL', () => {
  it('is accepted; the keys are asked for once, and again for one that is new', async () => {
    vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] });
    const [first, second] = [await rsa('first'), await rsa('second')];
    let published = [first.published];
    const issuer = publish(() => published);
    for (let n = 0; n < 3; n += 1) expect((await models(await first.token(), BY_JWKS)).status).toBe(200);
    expect(issuer.asked).toBe(1);

    // Made-up key names do not make us ask again and again.
    for (let n = 0; n < 3; n += 1) expect((await models(await second.token(), BY_JWKS)).status).toBe(401);
    expect(issuer.asked).toBe(1);
    published = [first.published, second.published];
    vi.setSystemTime(Date.now() + 61_000);
    expect((await models(await second.token(), BY_JWKS)).status).toBe(200);
    expect(issuer.asked).toBe(2);
  });

  it('is accepted by keys known before while the issuer is down, and 503, not 401, without any', async () => {
    vi.useFakeTimers({ now: Date.now() + 3_600_000, toFake: ['Date'] });
    const [known, unknown] = [await rsa('known'), await rsa('unknown')];
    let down = false;
    publish(() => (down ? null : [known.published]));
    expect((await models(await known.token(), BY_JWKS)).status).toBe(200);
    down = true;
    vi.setSystemTime(Date.now() + 11 * 60_000);
    expect((await models(await known.token({ exp: inSeconds(600) }), BY_JWKS)).status).toBe(200);
    expect((await models(await unknown.token({ exp: inSeconds(600) }), BY_JWKS)).status).toBe(503);
  });

  it('is refused when its signature is that of the public key taken for a secret', async () => {
    vi.useFakeTimers({ now: Date.now() + 7_200_000, toFake: ['Date'] });
    const { published } = await rsa('confused');
    const issuer = publish(() => [published]);
    const token = await sign(claims({ exp: inSeconds(600) }), JSON.stringify(published), 'HS256');
    expect((await models(token, BY_JWKS)).status).toBe(401);
    expect(issuer.asked, 'refused without a request').toBe(0);
  });

  it.each([
    ['has expired', { exp: 1 }],
    ['is of another issuer', { iss: 'https://elsewhere.example' }],
    ['is for another audience', { aud: ['another-api'] }],
  ])('is refused when it %s', async (_, change) => {
    vi.useFakeTimers({ now: Date.now() + 10_800_000, toFake: ['Date'] });
    const { published, token } = await rsa(`refused-${_}`);
    vi.setSystemTime(Date.now() + 61_000 * (1 + _.length));
    publish(() => [published]);
    expect((await models(await token({ exp: inSeconds(600), ...change }), BY_JWKS)).status).toBe(401);
  });
});
