import { exactly } from '../exact-json.ts';

/**
 * The client's JSON object with top-level fields set, or, where `undefined` is set, left out; everything
 * else as it was. Only fields that it lacks are put in front of the untouched text. To replace or leave
 * out one the text is parsed and written again, and then numbers keep their digits
 * (`12345678901234567890` survives).
 *
 * @param text a JSON object, already parsed once as `value`.
 */
export function withFields(text: string, value: object, fields: Record<string, unknown>): string {
  const names = Object.keys(fields).filter((name) => fields[name] !== undefined || Object.hasOwn(value, name));
  if (names.length === 0) return text;
  const set = Object.fromEntries(names.map((name) => [name, fields[name]]));
  if (names.every((name) => !Object.hasOwn(value, name)) && Object.keys(value).length > 0) {
    const brace = text.indexOf('{');
    return `${text.slice(0, brace)}${JSON.stringify(set).slice(0, -1)},${text.slice(brace + 1)}`;
  }
  return JSON.stringify({ ...(exactly(text) as object), ...set });
}
