import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttemptFailure } from '../../../api-worker/upstream/failure.ts';
import { concat, peek } from '../../../api-worker/upstream/peek.ts';

const SSE = 'text/event-stream';
const encoder = new TextEncoder();

/** A body that arrives cut at the given byte offsets. */
function body(text: string, cuts: readonly number[] = []): ReadableStream<Uint8Array> {
  const bytes = encoder.encode(text);
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return new ReadableStream({
    start(controller) {
      edges.forEach((edge, n) => {
        const chunk = bytes.slice(edges[n - 1] ?? 0, edge);
        if (chunk.length > 0) controller.enqueue(chunk);
      });
      controller.close();
    },
  });
}

async function rest(head: Uint8Array, stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = decoder.decode(head, { stream: true });
  for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  return text;
}

const failure = (text: string, type = SSE) => peek(body(text), type, []).catch((error: AttemptFailure) => error);

describe('peek', () => {
  it('lets an answer go on from its first event, comments kept, wherever the network cuts it', async () => {
    const text =
      ': OPENROUTER PROCESSING\r\n\r\n: é\n\ndata: {"choices":[{"delta":{"content":"héé 🙂"}}]}\n\ndata: [DONE]\n\n';
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { maxLength: 12 }), async (cuts) => {
        const stream = body(text, cuts);
        const read: Uint8Array[] = [];
        await peek(stream, SSE, read);
        expect(await rest(concat(read), stream)).toBe(text);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it.each([
    ['an error as the first event', ': x\n\ndata: {"error":{"code":429,"message":"slow down"}}\n\n', 'refused', 429],
    ['an error event without a status', 'data: {"error":{"message":"no"}}\n\n', 'refused', 502],
    ['a stream that ends at once', '', 'empty', null],
    ['a stream of comments only', ': OPENROUTER PROCESSING\n\n', 'empty', null],
    ['nothing but the end marker', 'data: [DONE]\n\n', 'empty', null],
    ['a first event that is cut', 'data: {"cho', 'network', null],
  ])('refuses %s', async (_, text, kind, status) => {
    expect(await failure(text)).toMatchObject({ kind, status });
  });

  it.each([
    ['an error under a 200, after padding', '  \n {"error":{"code":503,"message":"no"}}', 'refused', 503],
    ['a body that is cut', '{"choices":[', 'network', null],
    ['an empty body', '   ', 'empty', null],
  ])('refuses, of JSON, %s', async (_, text, kind, status) => {
    expect(await failure(text, 'application/json')).toMatchObject({ kind, status });
  });

  it('is not misled by content that speaks of errors', async () => {
    const text = '{"choices":[{"message":{"content":"{\\"error\\":1}"}}],"error":null}';
    expect(await peek(body(text), 'application/json', [])).toBe(true);
  });

  it('leaves what it read of a body that it refuses', async () => {
    const read: Uint8Array[] = [];
    await peek(body('data: {"error":{"code":429}}\n\n', [9]), SSE, read).catch(() => undefined);
    expect(new TextDecoder().decode(concat(read))).toBe('data: {"error":{"code":429}}\n\n');
  });

  it('reports a connection that breaks before the first event', async () => {
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new Error('reset'));
      },
    });
    await expect(peek(broken, SSE, [])).rejects.toMatchObject({ kind: 'network' });
  });

  it('does not take the beginning of a response for an answer, for another model may still give one', async () => {
    const begun = ['response.created', 'response.queued', 'response.in_progress'];
    const text = begun.map((type) => `event: ${type}\ndata: {"type":"${type}","response":{"error":null}}\n\n`).join('');
    const more = 'event: response.output_item.added\ndata: {"type":"response.output_item.added"}\n\n';
    expect(await failure(text)).toMatchObject({ kind: 'empty' });
    const stream = body(text + more);
    const read: Uint8Array[] = [];
    await peek(stream, SSE, read);
    expect(await rest(concat(read), stream)).toBe(text + more);
    expect(await failure(`${text}data: {"type":"error","code":"rate_limit_exceeded","message":"x"}\n\n`)).toMatchObject(
      {
        kind: 'refused',
        status: 429,
        detail: 'x',
      },
    );
    const failed = { type: 'response.failed', response: { error: { code: 'server_error', message: 'y' } } };
    expect(await failure(`${text}data: ${JSON.stringify(failed)}\n\n`)).toMatchObject({ status: 502, detail: 'y' });
  });
});
