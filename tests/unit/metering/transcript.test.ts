import { describe, expect, it, vi } from 'vitest';
import { collect, type Gathering, type Transcript } from '../../../api-worker/metering/transcript.ts';
import { ISOLATE_BYTES, TRANSCRIPT_BYTES } from '../../../api-worker/metering/transcript-bounds.ts';
import { meter, meterTranscript } from '../../../api-worker/metering/usage.ts';

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

const AT_ONCE: Gathering = { hurry: Promise.resolve(), streamed: true, needed: false };

/** What is collected of it, looked at without waiting. */
function collected(pieces: readonly Uint8Array[], breaks = false): Promise<Transcript> {
  return collect([], body(pieces, breaks), AT_ONCE).transcript;
}

const encoder = new TextEncoder();

describe('collect', () => {
  it('gathers a body whose pieces cut a character', async () => {
    const bytes = encoder.encode('a🙂b');
    const transcript = await collected([bytes.slice(0, 3), bytes.slice(3)]);
    expect(transcript).toEqual({ text: 'a🙂b', omittedBytes: 0 });
  });

  it('begins with what was read before, even if that ends in the midst of a character', async () => {
    const bytes = encoder.encode('a🙂b');
    const { transcript } = collect([bytes.slice(0, 3)], body([bytes.slice(3)]), AT_ONCE);
    expect(await transcript).toEqual({ text: 'a🙂b', omittedBytes: 0 });
  });

  it('keeps what came before a failure', async () => {
    const transcript = await collected([encoder.encode('data: 1\n\n'), encoder.encode('data: 2\n\n')], true);
    expect(transcript).toEqual({ text: 'data: 1\n\ndata: 2\n\n', omittedBytes: 0 });
  });

  it('takes only events for signs of life, not comments or padding', async () => {
    vi.useFakeTimers({ now: 1_000, toFake: ['Date'] });
    const { readable, writable } = new IdentityTransformStream();
    const { transcript, lastEventAt } = collect([], readable, AT_ONCE);
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

  const MEBIBYTE = 1024 * 1024;
  const USAGE = 'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"cost":0.5}}\n\ndata: [DONE]\n\n';
  /** Events of 1 KB, so many bytes of them. */
  const events = (bytes: number) => encoder.encode(`data: "${'x'.repeat(1024 - 10)}"\n\n`.repeat(bytes / 1024));

  it('keeps of a body over the bound its end, in which usage stands', async () => {
    const mebibytes = Array.from({ length: 9 }, () => events(MEBIBYTE));
    const { text, omittedBytes } = await collected([...mebibytes, encoder.encode(USAGE)]);
    expect(text.length + omittedBytes).toBe(9 * MEBIBYTE + USAGE.length);
    expect(text.length).toBeLessThan(TRANSCRIPT_BYTES);
    expect(meter(text, true).fields).toMatchObject({ input_tokens: 3, output_tokens: 4, cost_nano_usd: 500_000_000 });
  });

  it('never cuts the last event of a stream, nor loses the usage of a cut one before [DONE]', async () => {
    const last = `data: {"type":"response.completed","response":{"output":["${'x'.repeat(MEBIBYTE)}"],"usage":{"input_tokens":3,"output_tokens":4}}}`;
    const before = Array.from({ length: 4 }, () => events(MEBIBYTE));
    const whole = await collected([...before, encoder.encode(`${last}\n\n`)]);
    expect(whole.omittedBytes).toBeGreaterThan(0);
    expect(whole.text.endsWith(`\n${last}\n\n`)).toBe(true);

    const cut = await collected([...before, encoder.encode(`${last}\n\ndata: [DONE]\n\n`)]);
    expect(cut.text.length).toBeLessThan(MEBIBYTE);
    expect(meterTranscript(cut, true).fields).toMatchObject({ input_tokens: 3, output_tokens: 4 });
  });

  describe('while those of all requests hold more than an isolate may', () => {
    /** Bodies that have come and not ended. */
    const open = (gathering: Gathering, count: number, bytes: number) =>
      Array.from({ length: count }, () => {
        const { readable, writable } = new IdentityTransformStream();
        const { transcript } = collect([], readable, gathering);
        const writer = writable.getWriter();
        return {
          transcript,
          come: () => writer.write(events(bytes)),
          async end() {
            await writer.write(encoder.encode(USAGE));
            await writer.close();
            return transcript;
          },
        };
      });
    const endAll = (bodies: ReturnType<typeof open>) => Promise.all(bodies.map(({ end }) => end()));

    it('all are left with their ends, and none afterwards', async () => {
      const bodies = open(AT_ONCE, 24, MEBIBYTE);
      await Promise.all(bodies.map(({ come }) => come()));
      const transcripts = await endAll(bodies);
      const kept = transcripts.map(({ text }) => text.length);
      expect(kept.reduce((sum, length) => sum + length)).toBeLessThan(ISOLATE_BYTES + 24 * 2 * 64 * 1024);
      for (const { text } of transcripts) expect(meter(text, true).fields.cost_nano_usd).toBe(500_000_000);
      expect(transcripts.some(({ omittedBytes }) => omittedBytes > 0)).toBe(true);

      expect(await collected([events(MEBIBYTE)])).toMatchObject({ omittedBytes: 0 });
    });

    it('what answers are made of is kept whole', async () => {
      const needed = open({ ...AT_ONCE, needed: true }, 1, MEBIBYTE);
      const others = open(AT_ONCE, 24, MEBIBYTE);
      await Promise.all([...others, ...needed].map(({ come }) => come()));
      const [transcript] = await endAll(needed);
      await endAll(others);
      expect(transcript).toMatchObject({ omittedBytes: 0 });
    });
  });
});
