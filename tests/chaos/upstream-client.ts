import OpenAI from 'openai';
import { findModel } from '../../load/upstream/models.ts';
import { planOf } from '../../load/upstream/plan.ts';

/** What the official SDK made of one request. */
export interface Outcome {
  /** It raised. Else the answer looks complete. */
  raised: boolean;
  /** The answer is the one that is known, to the character, under one id and with one finish. */
  exact: boolean;
  /** Another model went on where one had broken off. */
  resumed: boolean;
}

export interface Ask {
  model: string;
  /** Tried after `model`; none: nothing else may answer. */
  others: readonly string[];
  streamed: boolean;
  /** Distinguishes the request, and is the seed of the text that every model gives. */
  n: number;
  headers?: Record<string, string>;
  sim?: Record<string, unknown>;
  /** Leaves after so many chunks, and is content with them. */
  leaveAfter?: number;
}

const CHUNKS = 24;

/** Asks as the official SDK does, without retries, and compares the answer with the one that is known. */
export async function ask(baseURL: string, apiKey: string, request: Ask): Promise<Outcome> {
  const { model, others, streamed, n, headers, sim, leaveAfter } = request;
  let raw = '';
  const client = new OpenAI({
    baseURL,
    apiKey,
    maxRetries: 0,
    logLevel: 'off',
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      return streamed ? tapped(response, (text) => (raw += text)) : response;
    },
  });
  const body = {
    model,
    ...(others.length > 0 && { models: [...others] }),
    messages: [{ role: 'user' as const, content: `Request ${n}` }],
    sim: { text_seed: n, chunks: CHUNKS, ...sim },
  };
  const options = { headers: { 'x-gateway-fallback': 'false', ...headers } };
  const resumed = (): boolean => raw.includes('\n: resuming with ');
  try {
    if (!streamed) {
      const { choices } = await client.chat.completions.create(body, options);
      return { raised: false, exact: choices[0]?.message.content === textOf(n), resumed: false };
    }
    const read = await readStream(await client.chat.completions.create({ ...body, stream: true }, options), leaveAfter);
    const whole = read.text === textOf(n) && read.ids.size === 1 && read.finishes === 1;
    return { raised: false, exact: whole || leaveAfter !== undefined, resumed: resumed() };
  } catch {
    return { raised: true, exact: false, resumed: resumed() };
  }
}

async function readStream(stream: AsyncIterable<OpenAI.ChatCompletionChunk>, leaveAfter = Number.POSITIVE_INFINITY) {
  const read = { text: '', ids: new Set<string>(), finishes: 0 };
  let chunks = 0;
  for await (const { id, choices, usage } of stream) {
    read.ids.add(id);
    read.text += choices[0]?.delta.content ?? '';
    // Some providers repeat the finish with the usage.
    if (choices[0]?.finish_reason && !usage) read.finishes += 1;
    chunks += 1;
    if (chunks >= leaveAfter) break;
  }
  return read;
}

function tapped(response: Response, onText: (text: string) => void): Response {
  const decoder = new TextDecoder();
  const tap = new TransformStream<Uint8Array, Uint8Array>({
    transform(bytes, controller) {
      onText(decoder.decode(bytes, { stream: true }));
      controller.enqueue(bytes);
    },
  });
  return new Response(response.body?.pipeThrough(tap) ?? null, response);
}

/** The text that every simulated model gives to a seed. */
function textOf(n: number): string {
  const model = findModel('sim/any');
  if (!model) throw new Error('The simulator has no model.');
  return planOf({ sim: { text_seed: n, chunks: CHUNKS } }, model, 1, CHUNKS).pieces.join('');
}
