import * as z from 'zod';

/** What a text that is not packed begins with; base64 never does. */
const AS_IT_IS = '=';

/** A text as messages carry it, see {@link packText}. */
export const PackedText = z.union([z.string().startsWith(AS_IT_IS), z.base64()]);

/** A text that is longer than it may be. */
export class TooLong extends Error {}

/**
 * A text as messages carry it: gzipped, in base64; or, up to so many characters, as it is, for packing costs more
 * time than its bytes do.
 */
export async function packText(text: string, asItIsMaxChars: number): Promise<string> {
  if (text.length <= asItIsMaxChars) return AS_IT_IS + text;
  const gzip = new CompressionStream('gzip');
  const writer = gzip.writable.getWriter();
  const written = writer.write(new TextEncoder().encode(text)).then(() => writer.close());
  const [bytes] = await Promise.all([new Response(gzip.readable).bytes(), written]);
  return bytes.toBase64();
}

/**
 * The text of which that was made.
 *
 * @throws TooLong before anything is inflated; another error for what is no such thing.
 */
export async function unpackText(packed: string, maxBytes: number): Promise<string> {
  if (packed.startsWith(AS_IT_IS)) return packed.slice(AS_IT_IS.length);
  const bytes = Uint8Array.fromBase64(packed);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) throw new TypeError('no gzip');
  // The runtime inflates all that it is given, whether or not it is read. So the length is looked up first, which
  // stands at the end (RFC 1952, 2.3.1) and is checked against what comes out; a message inflates to 132 MB at most.
  const length = new DataView(bytes.buffer).getUint32(bytes.length - 4, true);
  if (length > maxBytes) throw new TooLong(`${length} bytes`);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text();
}
