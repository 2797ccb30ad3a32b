import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type LocalSystem, startLocal } from '../support/start.ts';

const FAST = 'openai/gpt-4o-mini';
const HEDGE_AFTER_MS = 300;

let system: LocalSystem;
beforeAll(async () => {
  system = await startLocal({ HEDGE_AFTER_MS: String(HEDGE_AFTER_MS) });
}, 120_000);
afterAll(() => system.stop());

const HEDGED = { 'x-gateway-hedge': 'true' };
let asked = 0;

async function ask(headers: Record<string, string>, body: Record<string, unknown>): Promise<Response> {
  const response = await fetch(`${system.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }], ...body }),
  });
  await response.text();
  return response;
}

/** A request to a model that takes three seconds for its first event, with a fast one after it. */
async function late(headers: Record<string, string>, fields: Record<string, unknown> = {}) {
  asked += 1;
  const model = `sim/slow-start/${asked}`;
  const startedAt = Date.now();
  const response = await ask(headers, { models: [model, FAST], ...fields });
  return { model, response, tookMs: Date.now() - startedAt };
}

interface Line {
  event: string;
  request_id: string;
  cost_nano_usd: number;
  gateway: { model: string; attempts: number; failures: string[]; extra_cost_nano_usd: number };
}

/** What the worker logged of a request. */
function logged(response: Response): Promise<Line> {
  const id = response.headers.get('x-request-id') ?? 'none';
  return eventually(async () => {
    const line = system
      .output()
      .split('\n')
      .find((text) => text.includes('"event":"request"') && text.includes(id));
    return line ? (JSON.parse(line.slice(line.indexOf('{'))) as Line) : null;
  }, 20_000);
}

const entriesOf = (...models: string[]) =>
  system.upstream.account.entries.filter(({ requested_model }) => models.includes(requested_model));

describe('hedging', () => {
  it.each([true, false])('lets the second model answer when the first is late, streamed: %s', async (stream) => {
    const { response, tookMs } = await late(HEDGED, { stream });
    expect(response.headers.get('x-gateway-model')).toBe(FAST);
    expect(response.headers.get('x-gateway-attempts')).toBe('2');
    expect(tookMs).toBeGreaterThanOrEqual(HEDGE_AFTER_MS);
    expect(tookMs).toBeLessThan(2_000);
  });

  it('ends the loser at once, meters it and shows what it cost', async () => {
    const before = entriesOf(FAST).length;
    const { model, response } = await late(HEDGED, { stream: true, sim: { charges_prompt: true } });
    const [loser] = entriesOf(model);
    const winner = entriesOf(FAST)[before];
    await eventually(async () => loser?.settled || null, 1_000);
    expect(loser).toMatchObject({ cancelled: true, chunks_sent: 0 });
    expect(loser?.cost_nano_usd).toBeGreaterThan(0);
    expect(await logged(response)).toMatchObject({
      cost_nano_usd: (loser?.cost_nano_usd ?? 0) + (winner?.cost_nano_usd ?? 0),
      gateway: {
        attempts: 2,
        failures: [`${model}: outrun`],
        extra_cost_nano_usd: loser?.cost_nano_usd,
      },
    });
  });

  it('is not done unless it is asked for', async () => {
    const { model, response, tookMs } = await late({}, { stream: true });
    expect(response.headers.get('x-gateway-model')).toBe(model);
    expect(tookMs).toBeGreaterThanOrEqual(3_000);
  });

  it('starts no second attempt when the first is in time', async () => {
    const before = system.upstream.account.entries.length;
    await ask(HEDGED, { models: [FAST, 'sim/any'] });
    expect(system.upstream.account.entries).toHaveLength(before + 1);
  });

  it('keeps the first when it speaks after all, though the second was started', async () => {
    asked += 1;
    const [model, second] = [`sim/slow-start/${asked}`, `sim/silence/${asked}`];
    const response = await ask(HEDGED, { models: [model, second], sim: { ttft_ms: 800 } });
    expect(response.headers.get('x-gateway-model')).toBe(model);
    expect(response.headers.get('x-gateway-attempts')).toBe('2');
    await eventually(async () => entriesOf(second)[0]?.cancelled || null, 1_000);
  });
});
