import { describe, expect, it } from 'vitest';
import { ClientStream } from '../../../api-worker/agent/client-stream.ts';
import { TRANSCRIPT_BYTES } from '../../../api-worker/metering/transcript-bounds.ts';

describe('a stream that the gateway writes', () => {
  it('keeps what it said, up to what is kept of a transcript, and tells all of it', async () => {
    const client = new ClientStream(60_000, () => undefined);
    const reading = new Response(client.readable).text();
    const piece = { text: 'x'.repeat(TRANSCRIPT_BYTES / 2) };
    await client.event(piece);
    expect(client.text).toBe(`data: ${JSON.stringify(piece)}\n\n`);
    await client.event(piece);
    expect(client.text).toBeNull();
    await client.end();
    expect((await reading).length).toBeGreaterThan(TRANSCRIPT_BYTES);
  });
});
