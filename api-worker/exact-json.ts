/** `JSON.parse` with source text and `JSON.rawJSON` (ES2026), which TypeScript's library does not declare yet. */
const ExactJson = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(source: string): unknown;
};

/**
 * A JSON text's value, of which `JSON.stringify` writes numbers with the digits that they had:
 * `12345678901234567890` survives. Such a number is a frozen object, made by `JSON.rawJSON`.
 */
export function exactly(text: string): unknown {
  return ExactJson.parse(text, (_key, part, { source }) =>
    typeof part === 'number' && source !== undefined && String(part) !== source ? ExactJson.rawJSON(source) : part,
  );
}
