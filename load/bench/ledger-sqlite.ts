import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { Statement } from './ledger-counts.ts';

/**
 * Runs transactions on a database that nobody else uses, by SQLite alone: what of a batch's time is SQL and disk.
 *
 * @returns how long each took, ms.
 */
export function runBySqlite(path: string, transactions: readonly Statement[][]): number[] {
  const db = new DatabaseSync(path);
  try {
    return transactions.map((statements) => {
      const startedAt = performance.now();
      db.exec('BEGIN');
      for (const { sql, params } of statements) db.prepare(sql).run(...(params as SQLInputValue[]));
      db.exec('COMMIT');
      return performance.now() - startedAt;
    });
  } finally {
    db.close();
  }
}

/** What is in the books from a time on, the start of a UTC day (Unix ms), and all dead letters. */
export function readBooks(path: string, from: number, firstId: string) {
  const db = new DatabaseSync(path, { readOnly: true });
  const number = (sql: string, ...params: SQLInputValue[]): number => Number(db.prepare(sql).get(...params)?.n ?? 0);
  try {
    return {
      ledger: number('SELECT count(*) AS n FROM usage_logs WHERE request_id >= ?', firstId),
      hourly: number('SELECT sum(requests) AS n FROM usage_rollups_hourly WHERE hour >= ?', from),
      daily: number('SELECT sum(requests) AS n FROM usage_rollups_daily WHERE day >= ?', from),
      deadLetters: number('SELECT count(*) AS n FROM dead_letters'),
    };
  } finally {
    db.close();
  }
}
