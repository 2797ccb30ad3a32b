import { parseDollars } from './dollars.ts';

/** What stands in a field of a form, without spaces around it. */
export function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === 'string' ? value.trim() : '';
}

/** A whole number in a field; null: it is empty. */
export function wholeOf(form: FormData, name: string): number | null {
  const text = textOf(form, name);
  return text === '' ? null : Number(text);
}

/**
 * Dollars in a field, as nano-dollars; null: it is empty.
 *
 * @throws Error for what is no amount.
 */
export function dollarsOf(form: FormData, name: string): number | null {
  const text = textOf(form, name);
  if (text === '') return null;
  const nano = parseDollars(text);
  if (nano === null) throw new Error(`“${text}” is not an amount of dollars that can be counted, such as 12.50.`);
  return nano;
}

/** A local time in a field (`datetime-local`) as Unix seconds; null: it is empty. */
export function secondsOf(form: FormData, name: string): number | null {
  const text = textOf(form, name);
  return text === '' ? null : Math.floor(new Date(text).getTime() / 1_000);
}

/** Unix seconds as such a field shows them; null: empty. */
export function localTime(seconds: number | null): string {
  if (seconds === null) return '';
  const at = new Date(seconds * 1_000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
