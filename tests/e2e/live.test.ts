import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type LocalSystem, startLocal } from '../support/start.ts';

/** What only connections show that are really there: who reads along, who leaves, who hears of it. */
let system: LocalSystem;
beforeAll(async () => {
  system = await startLocal();
}, 120_000);
afterAll(() => system.stop());

const TEN_CHUNKS = { gap_ms: 100, chunks: 10 };

function ask(path: string, body: object, { headers = {}, signal }: { headers?: object; signal?: AbortSignal } = {}) {
  return fetch(system.origin + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'openai/gpt-4o-mini', stream: true, ...body }),
    ...(signal && { signal }),
  });
}

/** A stream's text, and how many of its parts came before a moment (Unix ms). */
async function read(response: Response, before = () => Number.POSITIVE_INFINITY) {
  const decoder = new TextDecoder();
  let text = '';
  let early = 0;
  for await (const part of response.body ?? []) {
    text += decoder.decode(part, { stream: true });
    if (Date.now() < before()) early += 1;
  }
  return { text, early };
}

const lastEntry = () => system.upstream.account.entries.at(-1);

describe('a stream that is repeated under its idempotency key', () => {
  const repeated = { messages: [{ role: 'user', content: 'Hello' }], sim: TEN_CHUNKS };

  it('is read along as it comes, from its beginning, by one upstream call', async () => {
    const headers = { 'idempotency-key': 'along' };
    const calls = system.upstream.account.entries.length;
    const first = await ask('/v1/chat/completions', repeated, { headers });
    const again = await ask('/v1/chat/completions', repeated, { headers });
    let endedAt = Number.POSITIVE_INFINITY;
    const [one, other] = await Promise.all([
      read(first).finally(() => {
        endedAt = Date.now();
      }),
      read(again, () => endedAt),
    ]);
    expect([first.headers.get('idempotent-replayed'), again.headers.get('idempotent-replayed')]).toEqual([
      null,
      'true',
    ]);
    expect(other.text).toBe(one.text);
    expect(other.early).toBeGreaterThan(3);
    expect(system.upstream.account.entries.length - calls).toBe(1);
  });

  it('is finished for who asks again when the first client lost its connection', async () => {
    const headers = { 'idempotency-key': 'lost' };
    const leaving = new AbortController();
    const first = await ask('/v1/chat/completions', repeated, { headers, signal: leaving.signal });
    await first.body?.getReader().read();
    leaving.abort();
    const { text } = await read(await ask('/v1/chat/completions', repeated, { headers }));
    expect(text).toContain('[DONE]');
    expect(lastEntry()).toMatchObject({ cancelled: false, chunks_sent: 11 });
  });
});

describe('a client that leaves the agent lane', () => {
  it.each([
    [
      '/v1/chat/completions',
      { messages: [{ role: 'user', content: 'x' }], tools: [{ type: 'gateway:calculator' }], tool_choice: 'none' },
    ],
    ['/v1/completions', { prompt: 'x' }],
  ])('is told of to the upstream: %s', async (path, body) => {
    const leaving = new AbortController();
    const response = await ask(path, { ...body, sim: { gap_ms: 100, chunks: 100 } }, { signal: leaving.signal });
    await response.body?.getReader().read();
    leaving.abort();
    const entry = await eventually(async () => (lastEntry()?.settled ? lastEntry() : null));
    expect(entry).toMatchObject({ cancelled: true });
    expect(entry?.chunks_sent).toBeLessThan(50);
  });
});
