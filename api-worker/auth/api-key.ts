const PREFIX = 'sk-wm-';
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 256 bits in base 62. */
const SECRET_LENGTH = 43;
/** 32 bits in base 62. */
const CHECKSUM_LENGTH = 6;
/** How much of a key is stored and shown to know it by: the prefix and 36 of its 256 bits. */
const SHOWN_LENGTH = PREFIX.length + 6;

/** What secret scanners look for; {@link isMistyped} then tells a key from what only looks like one. */
const FORM = new RegExp(`^${PREFIX}([0-9A-Za-z]{${SECRET_LENGTH}})([0-9A-Za-z]{${CHECKSUM_LENGTH}})$`);

/** A new API key: `sk-wm-`, 256 random bits, and a CRC-32 of them, in letters and digits that a double click selects. */
export function mintKey(): string {
  const random = crypto.getRandomValues(new Uint8Array(32));
  const secret = base62(
    random.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n),
    SECRET_LENGTH,
  );
  return PREFIX + secret + checksum(secret);
}

/**
 * Whether a key cannot be one of ours, which needs no look-up to know: it says that it is, and its
 * checksum or length is off. Keys of other forms were issued elsewhere and are looked up.
 */
export function isMistyped(key: string): boolean {
  if (!key.startsWith(PREFIX)) return false;
  const [, secret = '', sum] = FORM.exec(key) ?? [];
  return sum === undefined || checksum(secret) !== sum;
}

/** The beginning of a key, to know it by. */
export function keyPrefix(key: string): string {
  return key.slice(0, SHOWN_LENGTH);
}

function checksum(secret: string): string {
  return base62(BigInt(crc32(new TextEncoder().encode(secret))), CHECKSUM_LENGTH);
}

function base62(number: bigint, length: number): string {
  let digits = '';
  for (let rest = number; rest > 0n; rest /= 62n) digits = DIGITS.charAt(Number(rest % 62n)) + digits;
  return digits.padStart(length, DIGITS.charAt(0));
}

/** CRC-32 as in ISO 3309, gzip and PNG. */
export function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
