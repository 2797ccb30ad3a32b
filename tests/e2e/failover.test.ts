import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ledgerRow, type System, startSystem } from '../support/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

const post = (body: Record<string, unknown>, headers: Record<string, string> = {}) =>
  fetch(`${system.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }], ...body }),
  });

const BEFORE_FIRST_EVENT = [
  'status-408',
  'status-500',
  'status-529',
  'error-200-json',
  'error-first-event',
  'empty-stream',
  'die-before-bytes',
  'die-after-headers',
  'silence-after-headers',
];

describe('before the first event', () => {
  it.concurrent.each(BEFORE_FIRST_EVENT.flatMap((fault) => [[fault, true] as const, [fault, false] as const]))(
    '%s (streamed: %s) is not noticed: another candidate answers',
    { timeout: 40_000 },
    async (fault, stream) => {
      const response = await post({ model: `sim/${fault}`, stream });
      const text = await response.text();
      expect(response.status).toBe(200);
      expect(text).toContain('openai/gpt-4o-mini-2024-07-18');
      expect(text).not.toContain('"error"');
      const row = await ledgerRow(system.db, response.headers.get('x-request-id') ?? '');
      expect(row).toMatchObject({ status: 200, model: 'openai/gpt-4o-mini-2024-07-18', attempts: 4 });
    },
  );

  it('tries the same candidate again before another', async () => {
    const response = await post({ model: 'sim/fail-2-then-work' });
    expect(response.headers.get('x-gateway-model')).toBe('sim/fail-2-then-work');
    expect(response.headers.get('x-gateway-attempts')).toBe('3');
    await response.text();
  });

  it('waits as long as the upstream asks', async () => {
    const startedAt = Date.now();
    await (await post({ model: 'sim/fail-1-then-work', sim: { retry_after: 1 } })).text();
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(1000);
  });

  it('does not wait longer than is sensible, but goes on', async () => {
    const startedAt = Date.now();
    const response = await post({ model: 'sim/status-429', sim: { retry_after: 60 } });
    expect(response.headers.get('x-gateway-model')).toBe('openai/gpt-4o-mini');
    expect(Date.now() - startedAt).toBeLessThan(2000);
    await response.text();
  });

  it('does not repeat what the client did wrong', async () => {
    const response = await post({ model: 'sim/status-400' });
    expect(response.status).toBe(400);
    const row = await ledgerRow(system.db, response.headers.get('x-request-id') ?? '');
    expect(row).toMatchObject({ attempts: 1, status: 400, cost_nano_usd: 0, usage_source: 'provider' });
  });

  it('tells of silence as 504 when no one is left to ask, and owns to estimating the cost', {
    timeout: 20_000,
  }, async () => {
    const response = await post({ model: 'sim/silence', models: ['sim/silence'] });
    expect(response.status).toBe(504);
    const row = await ledgerRow(system.db, response.headers.get('x-request-id') ?? '');
    expect(row).toMatchObject({ attempts: 3, status: 504, usage_source: 'estimated', unpriced_attempts: 3 });
  });

  it('begins a stream with comments when the upstream is slow, and then relays it whole', async () => {
    const response = await post({ model: 'sim/slow-start', stream: true, sim: { ttft_ms: 2000 } });
    const text = await response.text();
    expect(text.startsWith(': waiting for the model\n\n')).toBe(true);
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
    const row = await ledgerRow(system.db, response.headers.get('x-request-id') ?? '');
    expect(row).toMatchObject({ status: 200, usage_source: 'provider', attempts: 1 });
  });

  it('ends a stream that was begun without an answer in an error event', { timeout: 20_000 }, async () => {
    const response = await post({ model: 'sim/silence', models: ['sim/silence'], stream: true });
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(text).toContain('"code":"upstream_timeout"');
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
  });
});

describe('a whole answer too large to be held back', () => {
  const large = { sim: { chunks: 60_000 } };

  it('is relayed to its end and metered', async () => {
    const response = await post({ model: 'openai/gpt-4o-mini', ...large });
    const answer = (await response.json()) as { choices: { message: { content: string } }[] };
    expect(answer.choices[0]?.message.content.split(' ')).toHaveLength(60_000);
    const row = await ledgerRow(system.db, response.headers.get('x-request-id') ?? '');
    expect(row).toMatchObject({ status: 200, output_tokens: 60_000, usage_source: 'provider' });
  });

  it('breaks when its provider breaks it, rather than look complete', async () => {
    const response = await post({ model: 'sim/die-mid-stream', models: ['x'], sim: { chunks: 200_000, gap_ms: 300 } });
    await expect(response.text()).rejects.toThrow();
    const row = await ledgerRow(system.db, response.headers.get('x-request-id') ?? '');
    expect(row).toMatchObject({ status: 502, usage_source: 'reconciled', cost_nano_usd: 0 });
  });
});
