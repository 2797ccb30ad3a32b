import { describe, expect, it } from 'vitest';
import type { Env } from '../../../api-worker/env.ts';
import { endpoint } from '../../../api-worker/upstream/endpoint.ts';

const GATEWAY = 'https://gateway.ai.cloudflare.com/v1/account/name/openrouter';
const CALLER = { userId: 'alice', requestId: '01938b7c-0000-7000-8000-000000000000' };

function to(change: Partial<Env> = {}) {
  const env = {
    OPENROUTER_API_KEY: 'sk-or-v1-ours',
    UPSTREAM_BASE_URL: 'https://openrouter.ai/api/v1',
    AI_GATEWAY_BASE_URL: '',
    ATTRIBUTION_URL: 'https://example.com',
    ATTRIBUTION_TITLE: 'Example',
    ...change,
  } as unknown as Env;
  return endpoint(env, '/chat/completions', CALLER);
}

const DIRECT = {
  authorization: 'Bearer sk-or-v1-ours',
  'content-type': 'application/json',
  'http-referer': 'https://example.com',
  'x-title': 'Example',
};

describe('endpoint', () => {
  it('is the upstream itself, told by whom it is called and nothing of the caller', () => {
    expect(to()).toEqual({ url: 'https://openrouter.ai/api/v1/chat/completions', headers: DIRECT });
    expect(to({ AI_GATEWAY_TOKEN: 'cf-token' }), 'a token alone is no gateway').toEqual(to());
  });

  it('is below AI Gateway where there is one, and still has the upstream’s key', () => {
    const { url, headers } = to({ AI_GATEWAY_BASE_URL: GATEWAY });
    expect(url).toBe(`${GATEWAY}/chat/completions`);
    expect(headers).toMatchObject(DIRECT);
  });

  it.each([undefined, ''])('shows AI Gateway no token where it is %j', (token) => {
    const { headers } = to({ AI_GATEWAY_BASE_URL: GATEWAY, ...(token !== undefined && { AI_GATEWAY_TOKEN: token }) });
    expect(headers).not.toHaveProperty('cf-aig-authorization');
  });

  it('shows AI Gateway its own token beside the upstream’s key', () => {
    const { headers } = to({ AI_GATEWAY_BASE_URL: GATEWAY, AI_GATEWAY_TOKEN: 'cf-token' });
    expect(headers).toMatchObject({ 'cf-aig-authorization': 'Bearer cf-token', authorization: 'Bearer sk-or-v1-ours' });
  });

  it('tells AI Gateway the account and the request, in as many entries as it takes', () => {
    const metadata: unknown = JSON.parse(to({ AI_GATEWAY_BASE_URL: GATEWAY }).headers['cf-aig-metadata'] ?? '');
    expect(metadata).toEqual({ account: 'alice', request_id: CALLER.requestId });
    expect(Object.keys(metadata as object).length).toBeLessThanOrEqual(5);
  });

  it('lets AI Gateway neither try again nor answer from its cache', () => {
    const { headers } = to({ AI_GATEWAY_BASE_URL: GATEWAY });
    expect(headers).toMatchObject({ 'cf-aig-max-attempts': '1', 'cf-aig-skip-cache': 'true' });
  });
});
