import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type System, startSystem } from '../support/system.ts';

/** An event as the simulated PostHog got it. */
interface Got {
  event: string;
  uuid: string;
  distinct_id: string;
  timestamp: string;
  properties: Record<string, unknown>;
}

const TOOLS = [
  { type: 'function' as const, function: { name: 'book_flight', parameters: { type: 'object', properties: {} } } },
];
const SECRET = 'To Ulan Bator, please';

let system: System;
beforeAll(async () => {
  system = await startSystem({}, { analytics: true });
});
afterAll(() => system.stop());

/** A request's three events, once they are there. */
async function toldOf(requestId: string | null) {
  const of = (name: string) =>
    (system.upstream.posthog.events as Got[]).find(
      ({ event, properties }) => event === name && properties.request_id === requestId,
    );
  return eventually(async () => {
    const [generation, conversation, usage] = ['$ai_generation', '$ai_conversation', '$ai_usage'].map(of);
    return generation && conversation && usage ? { generation, conversation, usage } : null;
  });
}

async function ask(headers: Record<string, string>) {
  const { data: stream, response } = await system.client.chat.completions
    .create(
      { model: 'sim/parallel-tools', messages: [{ role: 'user', content: SECRET }], tools: TOOLS, stream: true },
      { headers },
    )
    .withResponse();
  let called = '';
  for await (const chunk of stream)
    for (const call of chunk.choices[0]?.delta.tool_calls ?? []) called += call.function?.arguments ?? '';
  return { requestId: response.headers.get('x-request-id'), called };
}

describe('PostHog is told by both workers', () => {
  it('what a streamed chat with tools asked, called and cost', async () => {
    const { requestId, called } = await ask({ 'x-conversation-id': 'trip' });
    const { generation, conversation, usage } = await toldOf(requestId);
    const row = await system.db
      .prepare('SELECT * FROM usage_logs WHERE request_id = ?1')
      .bind(requestId)
      .first<{ cost_nano_usd: number; input_tokens: number; output_tokens: number; created_at: number }>();
    expect(generation).toMatchObject({
      uuid: requestId,
      distinct_id: 'tester',
      timestamp: new Date(row?.created_at ?? 0).toISOString(),
      properties: {
        $ai_session_id: 'trip',
        $ai_stream: true,
        $ai_http_status: 200,
        $ai_stop_reason: 'tool_calls',
        $ai_input: [{ role: 'user', content: SECRET }],
        $ai_tools: TOOLS,
        $ai_output_choices: [
          {
            role: 'assistant',
            content: [
              { type: 'function', id: expect.any(String), function: { name: 'book_flight', arguments: called } },
            ],
          },
        ],
        $ai_input_tokens: row?.input_tokens,
        $ai_output_tokens: row?.output_tokens,
        $ai_total_cost_usd: (row?.cost_nano_usd ?? Number.NaN) / 1e9,
        $ai_time_to_first_token: expect.any(Number),
      },
    });
    expect(conversation).toMatchObject({
      distinct_id: 'tester',
      properties: { conversation_id: 'trip', message_count: 1 },
    });
    expect(usage.properties).toMatchObject({ cost_usd: generation.properties.$ai_total_cost_usd });
    expect(new Set([generation.uuid, conversation.uuid, usage.uuid]).size).toBe(3);
  });

  it('lengths alone of a private one', async () => {
    const { requestId } = await ask({ 'x-privacy-mode': 'true' });
    const events = await toldOf(requestId);
    expect(events.generation.properties).toMatchObject({
      private: true,
      input_omitted: 'private',
      output_omitted: 'private',
      input_length: expect.any(Number),
      output_length: expect.any(Number),
    });
    expect(events.generation.properties.output_length).toBeGreaterThan(100);
    expect(events.conversation.properties.conversation_id).toBe(null);
    expect(JSON.stringify(events)).not.toContain(SECRET);
    expect(JSON.stringify(events)).not.toContain('book_flight');
  });

  it('what happened while it was away, afterwards', async () => {
    system.upstream.posthog.failNext(503, 1);
    const { requestId } = await ask({});
    expect((await toldOf(requestId)).generation.properties.$ai_input).toEqual([{ role: 'user', content: SECRET }]);
    expect(system.upstream.posthog.refused).toBe(1);
  });
});
