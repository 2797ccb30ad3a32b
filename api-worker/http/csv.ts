import { accepts } from 'hono/accepts';
import * as z from 'zod';
import type { AppContext } from '../env.ts';

/** What spreadsheets take for the beginning of a formula (https://owasp.org/www-community/attacks/CSV_Injection), and the apostrophe itself. */
const FORMULA = /^[=+\-@\t\r\n\0']/;
const QUOTED = /[",\r\n]/;

/** The query parameter `format` of what is to be had as CSV, too. */
export const Format = z.enum(['json', 'csv']).optional();

/**
 * Whether CSV is asked for: by `format`, or without it by `Accept`. Caches are told that the answer depends on
 * that.
 */
export function wantsCsv(c: AppContext, format: z.infer<typeof Format>): boolean {
  c.header('vary', 'accept', { append: true });
  if (format !== undefined) return format === 'csv';
  const supports = ['application/json', 'text/csv'];
  return accepts(c, { header: 'Accept', supports, default: 'application/json' }) === 'text/csv';
}

/** Rows as a file of CSV, see {@link csvOf}. */
export function csvAnswer<Column extends string>(
  c: AppContext,
  filename: string,
  columns: readonly Column[],
  rows: readonly CsvRow<Column>[],
): Response {
  return c.body(csvOf(columns, rows), 200, {
    'content-type': 'text/csv; charset=utf-8; header=present',
    'content-disposition': `attachment; filename="${filename}"`,
  });
}

type Field = string | number | null;
type CsvRow<Column extends string> = Readonly<Record<Column, Field>>;

/**
 * Rows as CSV (RFC 4180), under one header line of their columns' names; null is an empty field. A text that a
 * spreadsheet would run as a formula gets an apostrophe before it, and so does one that begins with an
 * apostrophe: whoever reads the file by a program takes one away from each text that begins with it.
 */
function csvOf<Column extends string>(columns: readonly Column[], rows: readonly CsvRow<Column>[]): string {
  const lines = rows.map((row) => columns.map((column) => field(row[column])));
  return [columns, ...lines].map((fields) => `${fields.join(',')}\r\n`).join('');
}

function field(value: Field): string {
  if (typeof value !== 'string') return value === null ? '' : String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
