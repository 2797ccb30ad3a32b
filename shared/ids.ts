/**
 * A new UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then 74 random bits. Ids minted later
 * sort later, so ledger rows keyed by them are appended and a span of ids is a span of time.
 */
export function uuidv7(nowMs: number = Date.now()): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(nowMs / 2 ** 32));
  view.setUint32(2, nowMs % 2 ** 32);
  view.setUint8(6, (view.getUint8(6) & 0x0f) | 0x70);
  view.setUint8(8, (view.getUint8(8) & 0x3f) | 0x80);
  return uuidText(bytes);
}

/**
 * The UUIDv5 (RFC 9562, 5.5) of a name within a namespace: the same for the same two, at any time. It makes
 * of a request's id the ids of what follows from the request.
 *
 * @param namespace a UUID.
 */
export async function uuidv5(namespace: string, name: string): Promise<string> {
  const space = namespace.replaceAll('-', '').match(/../g) ?? [];
  const hashed = [...space.map((byte) => Number.parseInt(byte, 16)), ...new TextEncoder().encode(name)];
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-1', Uint8Array.from(hashed)), 0, 16);
  const view = new DataView(bytes.buffer);
  view.setUint8(6, (view.getUint8(6) & 0x0f) | 0x50);
  view.setUint8(8, (view.getUint8(8) & 0x3f) | 0x80);
  return uuidText(bytes);
}

function uuidText(bytes: Uint8Array): string {
  const hex = hexOf(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Where the ids that {@link uuidv7} mints from a time on (Unix ms) begin, as texts: none is less. */
export function firstIdOf(ms: number): string {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

/** The lower-case hexadecimal SHA-256 of bytes, or of a text's UTF-8: how API keys are stored and looked up. */
export async function sha256Hex(data: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest(
    'SHA-256',
    typeof data === 'string' ? new TextEncoder().encode(data) : data,
  );
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
