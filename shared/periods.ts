/**
 * The common table expression `periods (at)`: the hours or days from ?1 up to ?2 (Unix ms) of which a rollup has rows,
 * for `WITH RECURSIVE`. A rollup's primary key begins with its period and the account, so that some accounts' rows in a
 * span of time are a seek each period (`FROM periods JOIN … ON hour = periods.at AND user_id = …`), and the periods
 * themselves are found by skipping from one to the next. All accounts' rows are a plain range without it. In a table
 * with the account first, each step would scan all of it: such a database must be rebuilt, see docs/decisions/0009.
 *
 * @param column of the period: `hour` or `day`.
 */
export function periods(rollup: string, column: string): string {
  return `periods (at) AS (
    SELECT min(${column}) FROM ${rollup} WHERE ${column} >= ?1 AND ${column} < ?2
    UNION ALL
    SELECT (SELECT min(${column}) FROM ${rollup} WHERE ${column} > periods.at AND ${column} < ?2)
      FROM periods WHERE periods.at IS NOT NULL
  )`;
}
