import { openLocalDatabase } from '../scripts/local-database.ts';
import { wrangler } from '../scripts/wrangler.ts';
import type { Where } from './results.ts';

/** A system's D1, to be read. */
export interface Database {
  /** The rows of a query; of which type, the caller knows. Throws Error of one line when it cannot be asked. */
  all<Row>(sql: string): Row[];
  close(): void;
}

/** @throws Error of one line when there is none. */
export function openDatabase(where: Where): Database {
  if ('environment' in where) return { all: (sql) => remoteRows(where.environment, sql), close() {} };
  const database = openLocalDatabase(where.stateDir);
  return {
    all: <Row>(sql: string) => database.prepare(sql).all() as Row[],
    close: () => database.close(),
  };
}

function remoteRows<Row>(environment: string, sql: string): Row[] {
  const printed = wrangler([
    ...['d1', 'execute', 'DB', '--remote', '--json', '--env', environment, '-c', 'wrangler.api.toml'],
    ...['--command', sql],
  ]);
  const [first] = JSON.parse(printed) as { results: Row[] }[];
  return first?.results ?? [];
}
