/** A text that is longer than it may be. */
export class TooLong extends Error {}

/**
 * The text of which base64 of a gzip was made.
 *
 * @throws TooLong before anything is inflated; another error for what is no such thing.
 */
export async function unpack(packed: string, maxBytes: number): Promise<string> {
  const bytes = Uint8Array.from(atob(packed), (char) => char.charCodeAt(0));
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) throw new TypeError('no gzip');
  // The runtime inflates all that it is given, whether or not it is read. So the length is looked up first, which
  // stands at the end (RFC 1952, 2.3.1) and is checked against what comes out; a message inflates to 132 MB at most.
  const length = new DataView(bytes.buffer).getUint32(bytes.length - 4, true);
  if (length > maxBytes) throw new TooLong(`${length} bytes`);
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(inflated).text();
}
