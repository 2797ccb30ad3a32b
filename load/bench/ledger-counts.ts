/** Of the events whose statements and rows are counted: the same ones in each run. */
export const COUNTED_SEED = 7;

/** A statement as the consumer makes it. */
export interface Statement {
  sql: string;
  params: unknown[];
}

/** What the consumer asked of D1, by D1's own `meta`. */
export interface Counts {
  statements: number;
  rows_written: number;
  rows_read: number;
}
