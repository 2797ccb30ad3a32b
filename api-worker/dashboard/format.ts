import { parseDecimal, roundToNano } from '../../shared/money.ts';

const NANO = 1e9;

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat('en-US', { style: 'percent', maximumFractionDigits: 1, signDisplay: 'negative' });

/** Nano-dollars as dollars: cents, or where those would be 0 the first two digits that are not. */
export function usd(nano: number | null): string {
  if (nano === null) return 'unknown';
  const dollars = nano / NANO;
  const size = Math.abs(dollars);
  const digits = size === 0 || size >= 1 ? 2 : Math.min(9, Math.max(2, 1 - Math.floor(Math.log10(size))));
  return `${dollars < 0 ? '−' : ''}$${size.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: digits })}`;
}

/** Nano-dollars as short as an axis has room for: `$12.5K`. */
export function shortUsd(nano: number): string {
  const dollars = nano / NANO;
  if (Math.abs(dollars) < 1_000) return usd(nano);
  return `${dollars < 0 ? '−' : ''}$${compact.format(Math.abs(dollars))}`;
}

/** Nano-dollars as dollars, every digit. */
export function exactUsd(nano: number | null): string {
  if (nano === null) return 'unknown';
  const digits = String(Math.abs(nano)).padStart(10, '0');
  const fraction = digits.slice(-9).replace(/0{0,7}$/, '');
  return `${nano < 0 ? '−' : ''}$${whole.format(BigInt(digits.slice(0, -9)))}.${fraction}`;
}

/** Dollars as the API writes them, `1234.500000000`, every digit that says something: `$1,234.50`. */
export function writtenUsd(dollars: string): string {
  const [whole = '0', fraction = ''] = dollars.replace('-', '').split('.');
  const sign = dollars.startsWith('-') ? '−' : '';
  return `${sign}$${BigInt(whole).toLocaleString('en-US')}.${fraction.replace(/0{1,7}$/, '')}`;
}

/** What a million tokens cost, of a price a token in dollars as the price book has it: every digit. `–` for none. */
export function perMillion(price: string | null | undefined): string {
  const decimal = price ? parseDecimal(price) : null;
  return decimal ? exactUsd(roundToNano({ ...decimal, digits: decimal.digits * 1_000_000n })) : '–';
}

/** `1,234` */
export function count(value: number | null): string {
  return value === null ? 'unknown' : whole.format(value);
}

/** `1 attempt`, `1,234 attempts` */
export function several(value: number, what: string): string {
  return `${count(value)} ${what}${value === 1 ? '' : 's'}`;
}

/** `1.2K` */
export function short(value: number): string {
  return compact.format(value);
}

/** `0.5%`; of nothing: `–`. What is little is not none, and what is nearly all of it is not all. */
export function share(part: number, of: number): string {
  if (of === 0) return '–';
  const ratio = part / of;
  if (ratio > 0 && ratio < 0.0005) return '<0.1%';
  if (ratio < 1 && ratio >= 0.9995) return '>99.9%';
  return percent.format(ratio);
}

/** Milliseconds: `850 ms`, `1.25 s`; null: `–`. */
export function duration(ms: number | null): string {
  if (ms === null) return '–';
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** Unix ms or ISO, in the reader's time: `26 Nov 2026, 10:31:05`. */
export function time(at: number | string | null): string {
  return at === null ? '–' : new Date(at).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
}

/** The same in UTC, as days and months of usage are, to the minute: `26 Nov 2026, 10:31 UTC`. */
export function utcTime(at: number | string): string {
  const options = { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' } as const;
  return `${new Date(at).toLocaleString('en-GB', options)} UTC`;
}

/** Unix seconds, as the Admin API tells times. */
export function secondsTime(at: number | null): string {
  return time(at === null ? null : at * 1_000);
}
