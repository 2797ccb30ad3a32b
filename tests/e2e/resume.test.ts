import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findModel } from '../../load/upstream/models.ts';
import { planOf } from '../../load/upstream/plan.ts';
import { ledgerRow, type System, startSystem } from '../support/system.ts';

const SECOND = 'openai/gpt-4o-mini';
/** Takes a prefill. */
const PREFILLED = 'anthropic/claude-haiku-4.5';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

interface Broken {
  second?: string;
  sim?: Record<string, unknown>;
  headers?: Record<string, string>;
  key?: string;
  [field: string]: unknown;
}

let asked = 0;

/** A stream that breaks halfway on its first model, and what the client gets of it. */
async function broken({ second = SECOND, sim, headers, key = system.key, ...fields }: Broken = {}) {
  asked += 1;
  const model = `sim/first/${asked}`;
  const response = await fetch(`${system.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'x-gateway-resume': 'true',
      ...headers,
    },
    body: JSON.stringify({
      models: [model, second],
      stream: true,
      messages: [{ role: 'user', content: 'Tell me' }],
      sim: { text_seed: asked, chunks: 20, faults: { [model]: 'error-mid-stream' }, ...sim },
      ...fields,
    }),
  });
  const text = await response.text();
  const chunks = text
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice(6)) as Chunk);
  return {
    text,
    chunks,
    said: chunks.map(({ choices }) => choices?.[0]?.delta.content ?? '').join(''),
    row: () => ledgerRow(system.db, response.headers.get('x-request-id') ?? ''),
  };
}

interface Chunk {
  id: string;
  model: string;
  created: number;
  object: string;
  error?: unknown;
  choices?: { delta: { content?: string | null; reasoning?: string }; finish_reason: string | null }[];
  usage?: { prompt_tokens: number; completion_tokens: number; total_tokens: number; cost: number };
}

function expectedText(): string {
  const model = findModel('sim/any');
  return model ? planOf({ sim: { text_seed: asked, chunks: 20 } }, model, 1, 20).pieces.join('') : '';
}

/** What the last requests were billed by the upstream itself. */
const billed = () => system.upstream.account.entries.slice(-2).reduce((sum, entry) => sum + entry.cost_nano_usd, 0);

describe('a stream that breaks, with x-gateway-resume', () => {
  it.each([SECOND, PREFILLED])('is continued by %s as if nothing had happened', async (second) => {
    const { text, chunks, said } = await broken({ second });
    expect(said).toBe(expectedText());
    const [first] = chunks;
    for (const field of ['id', 'model', 'created', 'object'] as const) {
      expect(new Set(chunks.map((chunk) => chunk[field])), field).toEqual(new Set([first?.[field]]));
    }
    expect(chunks.filter(({ error }) => error)).toEqual([]);
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
    expect(text.match(/data: \[DONE\]/g)).toHaveLength(1);
    expect(text).toMatch(new RegExp(`\\n: resuming with ${second} after \\d+ characters\\n`));
  });

  it('counts both attempts in the usage that the client gets and in the ledger', async () => {
    const { chunks, row } = await broken();
    const usage = chunks.findLast((chunk) => chunk.usage)?.usage;
    expect(Math.round((usage?.cost ?? 0) * 1e9)).toBe(billed());
    expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0));
    expect(await row()).toMatchObject({
      status: 200,
      attempts: 2,
      cost_nano_usd: billed(),
      extra_cost_nano_usd: 0,
      unpriced_attempts: 0,
      output_tokens: usage?.completion_tokens,
      usage_source: 'reconciled',
    });
  });

  it('drops what the second model thinks about continuing', async () => {
    const { said, chunks } = await broken({ reasoning: { effort: 'low' } });
    expect(said).toBe(expectedText());
    const thoughts = chunks.flatMap(({ choices }) => choices?.[0]?.delta.reasoning ?? []);
    expect(thoughts, 'those of the first model').toHaveLength(5);
  });

  it('keeps to what the client allowed in all', async () => {
    const { said, chunks } = await broken({ second: PREFILLED, max_tokens: 15 });
    expect(expectedText().startsWith(said)).toBe(true);
    expect(said.split(' ')).toHaveLength(15);
    expect(chunks.findLast(({ choices }) => choices?.[0]?.finish_reason)?.choices?.[0]?.finish_reason).toBe('length');
  });

  it.each(['anew', 'without-anchor'])('is not continued by a model that goes on %s', async (continues) => {
    const { text, said, row } = await broken({ sim: { continues } });
    expect(text).toContain('"error"');
    expect(expectedText().startsWith(said), 'nothing wrong was sent').toBe(true);
    const { model, cost_nano_usd, extra_cost_nano_usd } = await row();
    expect(model, 'whose text the client got').toMatch(/^sim\/first/);
    expect(extra_cost_nano_usd, 'what was thrown away').toBeGreaterThan(0);
    expect(extra_cost_nano_usd).toBeLessThan(cost_nano_usd ?? 0);
  });

  it.each([
    ['several choices were asked for', { n: 2 }],
    ['a format is required', { response_format: { type: 'json_schema', json_schema: { name: 'a' } } }],
    ['logprobs are wanted', { logprobs: true }],
    [
      'a tool call has begun',
      { tools: [{ type: 'function', function: { name: 'weather', parameters: {} } }], tool_choice: 'required' },
    ],
  ])('ends in an error where %s', async (_, fields) => {
    const { text, chunks, row } = await broken(fields);
    expect(chunks.filter(({ error }) => error)).toHaveLength(1);
    expect(text).not.toContain('resuming');
    expect(await row()).toMatchObject({ status: 502, attempts: 1 });
  });

  it('ends in an error where no model is left', async () => {
    const { chunks } = await broken({ models: ['sim/error-mid-stream'], headers: { 'x-gateway-fallback': 'false' } });
    expect(chunks.filter(({ error }) => error)).toHaveLength(1);
  });
});

describe('without being asked', () => {
  it('a broken stream ends in an error event', async () => {
    const { chunks, text } = await broken({ headers: { 'x-gateway-resume': 'false' } });
    expect(chunks.at(-1)?.error).toMatchObject({ code: 'upstream_error' });
    expect(text).not.toContain('resuming');
  });

  it('a key that is set to resume does, unless the request says otherwise', async () => {
    const key = await system.createKey('resumer', { resume: 1 });
    const asIs = await broken({ key, headers: { 'x-gateway-resume': '' } });
    expect(asIs.said).toBe(expectedText());
    const otherwise = await broken({ key, headers: { 'x-gateway-resume': 'false' } });
    expect(otherwise.text).toContain('"error"');
  });
});
