/** Nano-dollars (1e-9 USD) in a dollar. All amounts are integers in nano-dollars. */
const NANO_PER_USD = 1_000_000_000n;
const DECIMAL = /^(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i;

/** A non-negative decimal number, exactly: `digits` / 10^`places`. */
export interface Decimal {
  digits: bigint;
  places: number;
}

/**
 * A decimal as it is written, such as `0.0000000000335` or `3.35e-11`.
 *
 * @returns null for what is not a plain non-negative one.
 */
export function parseDecimal(text: string): Decimal | null {
  const match = DECIMAL.exec(text.trim());
  if (!match) return null;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  // Bounded, or one hostile "1e999999999" would allocate the memory of an isolate.
  if (Math.abs(Number(exponent)) > 400 || whole.length + fraction.length > 400) return null;
  const places = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return places >= 0 ? { digits, places } : { digits: digits * 10n ** BigInt(-places), places: 0 };
}

/** The sum of decimals, each so many times (whole numbers). Exact. */
export function sumOfProducts(products: readonly (readonly [Decimal, number])[]): Decimal {
  const places = Math.max(0, ...products.map(([decimal]) => decimal.places));
  const digits = products.reduce(
    (sum, [decimal, times]) => sum + decimal.digits * BigInt(times) * 10n ** BigInt(places - decimal.places),
    0n,
  );
  return { digits, places };
}

/** Dollars in nano-dollars, rounded half up; null where they do not fit an exact integer. */
export function roundToNano({ digits, places }: Decimal): number | null {
  const scale = 10n ** BigInt(places);
  const nano = (2n * digits * NANO_PER_USD + scale) / (2n * scale);
  return nano <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(nano) : null;
}

/**
 * Dollars as the upstream writes them (a JSON number or a decimal string) in nano-dollars, rounded
 * once, half up. The decimal digits are used as written, never the binary fraction behind them:
 * `0.0000000015` is 2, not the 1 that a product of doubles may give.
 *
 * @returns null for what is not a plain non-negative amount or does not fit an exact integer.
 */
export function usdToNano(usd: number | string): number | null {
  const decimal = parseDecimal(String(usd));
  return decimal && roundToNano(decimal);
}

/** Nano-dollars as an exact decimal string of dollars with nine places, such as `0.000018750`. */
export function nanoToUsd(nano: number): string {
  const absolute = BigInt(Math.abs(nano));
  const whole = absolute / NANO_PER_USD;
  const fraction = (absolute % NANO_PER_USD).toString().padStart(9, '0');
  return `${nano < 0 ? '-' : ''}${whole}.${fraction}`;
}
