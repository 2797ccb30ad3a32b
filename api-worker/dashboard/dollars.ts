import { nanoToUsd, usdToNano } from '../../shared/money.ts';

/** What {@link parseDollars} takes, for a field's `pattern`. */
export const DOLLARS = '\\s*\\$?\\s*\\d+(\\.\\d{1,9})?\\s*';

/**
 * Dollars as they are typed, `12.50` or `$12.50`, in nano-dollars, exactly. No commas: to some they are decimal points.
 *
 * @returns null for what is no amount, finer than a nano-dollar, or too large to be counted exactly.
 */
export function parseDollars(text: string): number | null {
  if (!new RegExp(`^${DOLLARS}$`).test(text)) return null;
  return usdToNano(text.replace('$', '').trim());
}

/** Nano-dollars as they would be typed: `12.5`. */
export function typedDollars(nano: number): string {
  return nanoToUsd(nano).replace(/\.?0+$/, '');
}
