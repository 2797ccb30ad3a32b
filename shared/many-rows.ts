/**
 * A statement over many rows that come as one parameter. They are sent as arrays of the fields that it reads, and
 * each array is parsed once: objects that are parsed anew for each field would cost more than the statement's own work.
 */
export class ManyRows<Row extends object> {
  readonly #fields: readonly (keyof Row & string)[];
  readonly #sql: string;

  /**
   * @param fields what the statement reads of a row: the columns of its table `one`.
   * @param sql what follows `WITH one AS (…)`. ?1 is taken.
   */
  constructor(fields: readonly (keyof Row & string)[], sql: string) {
    this.#fields = fields;
    this.#sql = `
  WITH parsed AS MATERIALIZED (SELECT jsonb(value) AS fields FROM json_each(?1)),
       one AS MATERIALIZED (SELECT ${fields.map((field, n) => `fields->>${n} AS ${field}`).join(', ')} FROM parsed)
  ${sql}`;
  }

  /** @param more ?2 and on. */
  bind(db: D1Database, rows: readonly Row[], ...more: unknown[]): D1PreparedStatement {
    const json = JSON.stringify(rows.map((row) => this.#fields.map((field) => row[field])));
    return db.prepare(this.#sql).bind(json, ...more);
  }
}
