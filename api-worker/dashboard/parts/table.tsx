import type { ComponentChildren } from 'preact';

export interface Column<Row> {
  head: string;
  cell: (row: Row) => ComponentChildren;
  /** Whether it holds amounts, which stand to the right. */
  number?: boolean;
  /** Whether it holds names that may be long, which are broken then. */
  name?: boolean;
  /** Whether it holds text of more than a line, which is broken. */
  wide?: boolean;
}

interface Props<Row> {
  /** What the table is of; read out, not shown. */
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** What is said instead of no rows. */
  empty?: string;
}

/** A table that scrolls by itself where it does not fit. */
export function Table<Row>({ caption, columns, rows, keyOf, empty = 'Nothing here.' }: Props<Row>) {
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard.
    <section class="scroll" aria-label={caption} tabIndex={0}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ head, number }) => (
              <th key={head} scope="col" class={number ? 'number' : undefined}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column) => (
                <td key={column.head} class={kindOf(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function kindOf<Row>({ number, name, wide }: Column<Row>): string | undefined {
  if (number) return 'number';
  if (name) return 'name';
  return wide ? 'wide' : undefined;
}
