import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type SimulatedUpstream, startUpstream } from '../../load/upstream/server.ts';
import { type AiGateway, startAiGateway } from '../support/ai-gateway.ts';
import { ledgerRow, type System, startSystem } from '../support/system.ts';

let provider: SimulatedUpstream;
let gateway: AiGateway;
let system: System;
beforeAll(async () => {
  provider = await startUpstream();
  gateway = await startAiGateway(provider.url);
  system = await startSystem({
    UPSTREAM_BASE_URL: provider.url,
    AI_GATEWAY_BASE_URL: gateway.url,
    AI_GATEWAY_TOKEN: 'token-of-the-gateway',
  });
});
afterAll(async () => {
  await system.stop();
  await gateway.close();
  await provider.close();
});
beforeEach(() => {
  gateway.received.length = 0;
});

const ask = (body: Record<string, unknown>) =>
  fetch(`${system.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }], ...body }),
  });

describe('with AI_GATEWAY_BASE_URL', () => {
  it('calls go through the gateway, with its headers and the key of the provider', async () => {
    const response = await ask({ model: 'openai/gpt-5-mini', stream: true });
    expect((await response.text()).trimEnd().endsWith('data: [DONE]')).toBe(true);
    expect(gateway.received).toHaveLength(1);
    const [{ path, headers } = { path: '', headers: {} as Record<string, string> }] = gateway.received;
    expect(path).toBe('/v1/0123456789abcdef/my-gateway/openrouter/chat/completions');
    expect(headers).toMatchObject({
      authorization: 'Bearer sk-or-v1-of-the-tests',
      'cf-aig-authorization': 'Bearer token-of-the-gateway',
      'cf-aig-max-attempts': '1',
      'cf-aig-skip-cache': 'true',
      'x-title': '@wemake/openai-api',
    });
    expect(JSON.parse(String(headers['cf-aig-metadata']))).toEqual({
      account: 'tester',
      request_id: response.headers.get('x-request-id'),
    });
  });

  it('another model still answers for one that fails, each attempt a call of its own', async () => {
    const response = await ask({ models: ['sim/error-first-event', 'openai/gpt-4o-mini'], stream: true });
    expect(await response.text()).not.toContain('"error"');
    expect(response.headers.get('x-gateway-model')).toBe('openai/gpt-4o-mini');
    expect(gateway.received).toHaveLength(4);
  });

  it('what an answer does not tell of its cost is asked of the provider itself', async () => {
    const response = await ask({ model: 'sim/no-usage', stream: true });
    await response.text();
    const row = await ledgerRow(system.db, response.headers.get('x-request-id') ?? '');
    expect(row).toMatchObject({
      usage_source: 'reconciled',
      cost_nano_usd: provider.account.entries.at(-1)?.cost_nano_usd,
    });
    expect(gateway.received.map(({ path }) => path.split('/').at(-1))).toEqual(['completions']);
  });

  it('streams that break are continued', async () => {
    const broken = { 'sim/breaks': 'error-mid-stream' };
    const response = await fetch(`${system.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${system.key}`,
        'content-type': 'application/json',
        'x-gateway-resume': 'true',
      },
      body: JSON.stringify({
        models: ['sim/breaks', 'openai/gpt-4o-mini'],
        stream: true,
        messages: [{ role: 'user', content: 'Hi' }],
        sim: { text_seed: 1, faults: broken },
      }),
    });
    const text = await response.text();
    expect(text).toContain(': resuming with openai/gpt-4o-mini after ');
    expect(text).not.toContain('"error"');
  });
});
