import { createOpenAI } from '@ai-sdk/openai';
import { generateText, type ModelMessage, streamText } from 'ai';
import { PostHog } from 'posthog-node';

interface Env {
  UPSTREAM_BASE_URL: string;
  OPENROUTER_API_KEY: string;
  POSTHOG_API_KEY: string;
  POSTHOG_HOST: string;
  CACHE: KVNamespace;
  DB: D1Database;
}

interface ChatRequest {
  model: string;
  messages: ModelMessage[];
  stream?: boolean;
  sim?: unknown;
}

interface Usage {
  inputTokens: number | undefined;
  outputTokens: number | undefined;
}

const LIMIT_PER_MINUTE = 1_000_000;

const INSERT = `INSERT INTO usage_logs (request_id, user_id, key_id, endpoint, requested_model, model, status, input_tokens,
    output_tokens, usage_source, latency_ms, attempts, created_at, recorded_at)
  VALUES (?1, ?2, ?3, '/v1/chat/completions', ?4, ?4, 200, ?5, ?6, 'provider', ?7, 1, ?8, ?8)`;

/**
 * The same job the ordinary way, all of it inside the request: a counter in KV, the AI SDK for the model and for
 * the stream, a row in D1 and a capture in PostHog at the end.
 */
export default {
  async fetch(request, env, ctx) {
    const arrivedAt = Date.now();
    const key = await keyOf(env, request.headers.get('authorization') ?? '');
    if (!key) return Response.json({ error: { message: 'Incorrect API key provided.' } }, { status: 401 });
    if (!(await counted(env, key.user_id))) return new Response(null, { status: 429 });
    const { model, messages, stream, sim } = await request.json<ChatRequest>();
    const openai = createOpenAI({
      baseURL: env.UPSTREAM_BASE_URL,
      apiKey: env.OPENROUTER_API_KEY,
      // What the SDK does not know it does not send: the simulator's options go in by hand.
      fetch: (url, init) =>
        fetch(url, { ...init, body: JSON.stringify({ ...JSON.parse(String(init?.body)), sim }) } as RequestInit),
    });
    const id = `chatcmpl-${crypto.randomUUID()}`;
    const created = Math.floor(arrivedAt / 1000);
    const record = async (text: string, usage: Usage): Promise<void> => {
      const { inputTokens, outputTokens } = usage;
      await env.DB.prepare(INSERT)
        .bind(
          id,
          key.user_id,
          key.id,
          model,
          inputTokens ?? null,
          outputTokens ?? null,
          Date.now() - arrivedAt,
          arrivedAt,
        )
        .run();
      const posthog = new PostHog(env.POSTHOG_API_KEY, { host: env.POSTHOG_HOST, flushAt: 1, flushInterval: 0 });
      await posthog.captureImmediate({
        distinctId: key.user_id,
        event: '$ai_generation',
        properties: {
          $ai_model: model,
          $ai_input: messages,
          $ai_output_choices: [{ role: 'assistant', content: text }],
          $ai_input_tokens: inputTokens,
          $ai_output_tokens: outputTokens,
        },
      });
      await posthog.shutdown();
    };

    if (!stream) {
      const { text, usage, finishReason } = await generateText({ model: openai.chat(model), messages });
      await record(text, usage);
      const message = { role: 'assistant', content: text };
      return Response.json({
        id,
        object: 'chat.completion',
        created,
        model,
        choices: [{ index: 0, message, finish_reason: finishReason }],
        usage: {
          prompt_tokens: usage.inputTokens,
          completion_tokens: usage.outputTokens,
          total_tokens: usage.totalTokens,
        },
      });
    }

    const result = streamText({ model: openai.chat(model), messages });
    const { readable, writable } = new TransformStream<string, string>();
    const relay = async (): Promise<void> => {
      const writer = writable.getWriter();
      const chunk = (delta: object, finish: string | null = null) =>
        writer.write(
          `data: ${JSON.stringify({
            id,
            object: 'chat.completion.chunk',
            created,
            model,
            choices: [{ index: 0, delta, finish_reason: finish }],
          })}\n\n`,
        );
      await chunk({ role: 'assistant', content: '' });
      for await (const text of result.textStream) await chunk({ content: text });
      await chunk({}, await result.finishReason);
      await writer.write('data: [DONE]\n\n');
      await record(await result.text, await result.usage);
      await writer.close();
    };
    ctx.waitUntil(relay());
    return new Response(readable.pipeThrough(new TextEncoderStream()), {
      headers: { 'content-type': 'text/event-stream' },
    });
  },
} satisfies ExportedHandler<Env>;

async function keyOf(env: Env, authorization: string): Promise<{ id: string; user_id: string } | null> {
  const secret = new TextEncoder().encode(authorization.replace('Bearer ', ''));
  const hash = [...new Uint8Array(await crypto.subtle.digest('SHA-256', secret))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
  return env.DB.prepare('SELECT id, user_id FROM api_keys WHERE key_hash = ?1').bind(hash).first();
}

/** Reads and writes a counter: two requests at once may count once. */
async function counted(env: Env, userId: string): Promise<boolean> {
  const key = `rate:${userId}:${Math.floor(Date.now() / 60_000)}`;
  const count = Number((await env.CACHE.get(key)) ?? 0);
  await env.CACHE.put(key, String(count + 1), { expirationTtl: 120 });
  return count < LIMIT_PER_MINUTE;
}
