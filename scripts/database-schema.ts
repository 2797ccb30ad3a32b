import { DatabaseSync } from 'node:sqlite';
import { readSchema } from './environment.ts';
import { wrangler } from './wrangler.ts';

/** How a database stands to schema.sql. */
export interface SchemaState {
  /** Tables, indexes and views that are not there. */
  missing: string[];
  /** Those that are there, and not as schema.sql has them: it changes nothing that exists. */
  other: string[];
}

interface Definition {
  name: string;
  sql: string;
}

const DEFINITIONS = 'SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL';

/** Asks the D1 of a deployed environment how it stands to schema.sql. */
export function schemaState(environment: string): SchemaState {
  const printed = wrangler([
    ...['d1', 'execute', 'DB', '--remote', '--json', '--env', environment, '-c', 'wrangler.api.toml'],
    ...['--command', DEFINITIONS],
  ]);
  const [answer] = JSON.parse(printed) as { results: Definition[] }[];
  return compareSchema(readSchema(), answer?.results ?? []);
}

/** Applies schema.sql to the D1 of a deployed environment: it makes what is not there. */
export function applySchema(environment: string): void {
  wrangler([
    ...['d1', 'execute', 'DB', '--remote', '--yes', '--env', environment, '-c', 'wrangler.api.toml'],
    ...['--file', 'schema.sql'],
  ]);
}

/** Compares what schema.sql makes of an empty database with what a database has; comments and spaces aside. */
export function compareSchema(schema: string, actual: readonly Definition[]): SchemaState {
  const fresh = new DatabaseSync(':memory:');
  fresh.exec(schema);
  const expected = fresh.prepare(DEFINITIONS).all() as unknown as Definition[];
  fresh.close();
  const found = new Map(actual.map(({ name, sql }) => [name, essence(sql)]));
  return {
    missing: expected.filter(({ name }) => !found.has(name)).map(({ name }) => name),
    other: expected
      .filter(({ name, sql }) => found.has(name) && found.get(name) !== essence(sql))
      .map(({ name }) => name),
  };
}

function essence(sql: string): string {
  return sql.replaceAll(/--.*/g, '').replaceAll(/\s+/g, '');
}
