/** Names of a comma-separated variable, trimmed, without empty ones. */
export function listOf(variable: string): string[] {
  return variable
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
}
