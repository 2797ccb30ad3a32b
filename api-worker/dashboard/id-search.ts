/** Greater than whatever ids of accounts are made of. */
const LAST = '~';

/**
 * An id below all that begin with a text, and above most that do not: what a list in the order of ids is to be read
 * after, to find those. Null: from its beginning.
 */
export function idBefore(beginning: string): string | null {
  if (beginning === '') return null;
  const last = beginning.length - 1;
  return beginning.slice(0, last) + String.fromCharCode(beginning.charCodeAt(last) - 1) + LAST;
}
