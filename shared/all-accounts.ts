/**
 * The common table expression `accounts (id)`: the accounts that have rows in a rollup, for
 * `WITH RECURSIVE`. A rollup's primary key begins with the account, so that a span of time over all
 * accounts is a seek each (`FROM accounts JOIN … ON user_id = accounts.id`), and the accounts
 * themselves are found by skipping from one to the next.
 */
export function allAccounts(rollup: string): string {
  return `accounts (id) AS (
    SELECT min(user_id) FROM ${rollup}
    UNION ALL
    SELECT (SELECT min(user_id) FROM ${rollup} WHERE user_id > accounts.id) FROM accounts WHERE accounts.id IS NOT NULL
  )`;
}
