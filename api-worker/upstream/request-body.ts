/** `JSON.parse` with source access and `JSON.rawJSON` (ES2026), which TypeScript's library does not declare yet. */
const ExactJson = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(source: string): unknown;
};

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
  const exact = ExactJson.parse(text, (_key, part, { source }) =>
    typeof part === 'number' && source !== undefined && String(part) !== source ? ExactJson.rawJSON(source) : part,
  );
  return JSON.stringify({ ...(exact as object), ...set });
}
