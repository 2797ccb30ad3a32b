/** Nano-dollars (1e-9 USD) in a dollar. All amounts are integers in nano-dollars. */
const NANO_PER_USD = 1_000_000_000n;
const DECIMAL = /^(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i;

/**
 * Dollars as the upstream writes them (a JSON number or a decimal string) in nano-dollars, rounded
 * once, half up. The decimal digits are used as written, never the binary fraction behind them:
 * `0.0000000015` is 2, not the 1 that a product of doubles may give.
 *
 * @returns null for what is not a plain non-negative amount or does not fit an exact integer.
 */
export function usdToNano(usd: number | string): number | null {
  const match = DECIMAL.exec(String(usd).trim());
  if (!match) return null;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  // Bounded, or one hostile "1e999999999" would allocate the memory of an isolate.
  if (Math.abs(Number(exponent)) > 400 || whole.length + fraction.length > 400) return null;
  const shift = Number(exponent) - fraction.length + 9;
  const digits = BigInt(whole + fraction);
  const scale = 10n ** BigInt(Math.abs(shift));
  const nano = shift >= 0 ? digits * scale : (digits + scale / 2n) / scale;
  return nano <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(nano) : null;
}

/** Nano-dollars as an exact decimal string of dollars with nine places, such as `0.000018750`. */
export function nanoToUsd(nano: number): string {
  const absolute = BigInt(Math.abs(nano));
  const whole = absolute / NANO_PER_USD;
  const fraction = (absolute % NANO_PER_USD).toString().padStart(9, '0');
  return `${nano < 0 ? '-' : ''}${whole}.${fraction}`;
}
