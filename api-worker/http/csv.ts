/** What spreadsheets take for the beginning of a formula (https://owasp.org/www-community/attacks/CSV_Injection), and the apostrophe itself. */
const FORMULA = /^[=+\-@\t\r\n']/;
const QUOTED = /[",\r\n]/;

/**
 * Rows as CSV (RFC 4180), under one header line of their columns' names. A text that a spreadsheet would
 * run as a formula gets an apostrophe before it, and so does one that begins with an apostrophe: whoever
 * reads the file by a program takes one away from each text that begins with it.
 */
export function csvOf<Column extends string>(
  columns: readonly Column[],
  rows: readonly Readonly<Record<Column, string | number>>[],
): string {
  const lines = rows.map((row) => columns.map((column) => field(row[column])));
  return [columns, ...lines].map((fields) => `${fields.join(',')}\r\n`).join('');
}

function field(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
