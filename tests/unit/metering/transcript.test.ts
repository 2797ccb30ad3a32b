import { describe, expect, it, vi } from 'vitest';
import { collect, TRANSCRIPT_BYTES, type Transcript } from '../../../api-worker/metering/transcript.ts';

/** A body of the given pieces, as the runtime's own streams are; breaks off after them when asked to. */
function body(pieces: readonly Uint8Array[], breaks = false): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  void (async () => {
    const writer = writable.getWriter();
    for (const piece of pieces) await writer.write(piece);
    await (breaks ? writer.abort(new Error('reset')) : writer.close());
  })().catch(() => undefined);
  return readable;
}

/** What is collected of it, looked at without waiting. */
function collected(pieces: readonly Uint8Array[], breaks = false): Promise<Transcript> {
  return collect([], body(pieces, breaks), Promise.resolve()).transcript;
}

const encoder = new TextEncoder();

describe('collect', () => {
  it('gathers a body whose pieces cut a character', async () => {
    const bytes = encoder.encode('a🙂b');
    const transcript = await collected([bytes.slice(0, 3), bytes.slice(3)]);
    expect(transcript).toEqual({ text: 'a🙂b', truncated: false });
  });

  it('begins with what was read before, even if that ends in the midst of a character', async () => {
    const bytes = encoder.encode('a🙂b');
    const { transcript } = collect([bytes.slice(0, 3)], body([bytes.slice(3)]), Promise.resolve());
    expect(await transcript).toEqual({ text: 'a🙂b', truncated: false });
  });

  it('keeps what came before a failure', async () => {
    const transcript = await collected([encoder.encode('data: 1\n\n'), encoder.encode('data: 2\n\n')], true);
    expect(transcript).toEqual({ text: 'data: 1\n\ndata: 2\n\n', truncated: false });
  });

  it('takes only events for signs of life, not comments or padding', async () => {
    vi.useFakeTimers({ now: 1_000, toFake: ['Date'] });
    const { readable, writable } = new IdentityTransformStream();
    const { transcript, lastEventAt } = collect([], readable, Promise.resolve());
    const writer = writable.getWriter();
    const at = async (time: number, text: string) => {
      vi.setSystemTime(time);
      await writer.write(encoder.encode(text));
      await scheduler.wait(1);
      return lastEventAt();
    };
    expect(await at(2_000, ': OPENROUTER PROCESSING\n\n')).toBe(1_000);
    expect(await at(3_000, '\n     ')).toBe(1_000);
    expect(await at(4_000, 'data: {"a":1}\n\n')).toBe(4_000);
    expect(await at(5_000, ': OPENROUTER PROCESSING\n\n')).toBe(4_000);
    await writer.close();
    await transcript;
    vi.useRealTimers();
  });

  it('keeps head and tail of a body over the bound', async () => {
    const mebibyte = new Uint8Array(1024 * 1024).fill(120);
    const pieces = [encoder.encode('HEAD'), ...Array.from({ length: 9 }, () => mebibyte), encoder.encode('TAIL')];
    const { text, truncated } = await collected(pieces);
    expect(truncated).toBe(true);
    expect(text.startsWith('HEAD')).toBe(true);
    expect(text.endsWith('TAIL')).toBe(true);
    expect(text.length).toBeLessThan(TRANSCRIPT_BYTES + 2 * 64 * 1024);
  });
});
