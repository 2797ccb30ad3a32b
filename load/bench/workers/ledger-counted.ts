import type { Env } from '../../../consumer-worker/env.ts';
import consumer from '../../../consumer-worker/index.ts';
import type { Counts, Statement } from '../ledger-counts.ts';

const none = (): Counts => ({ statements: 0, rows_written: 0, rows_read: 0 });
let counts = none();
let transactions: Statement[][] = [];
let isDry = false;
const made = new WeakMap<D1PreparedStatement, Statement>();

function count({ meta }: D1Result): void {
  counts.statements += 1;
  counts.rows_written += meta.rows_written;
  counts.rows_read += meta.rows_read;
}

/** A statement that counts itself when it is run alone. */
function counted(statement: D1PreparedStatement, sql: string, params: unknown[]): D1PreparedStatement {
  made.set(statement, { sql, params });
  const { bind, all } = statement;
  statement.bind = (...values) => counted(bind.apply(statement, values), sql, values);
  statement.all = async <T>() => {
    const result = await all.call(statement);
    count(result);
    return result as D1Result<T>;
  };
  return statement;
}

function countingDatabase(real: D1Database): D1Database {
  return new Proxy(real, {
    get(target, name) {
      if (name === 'prepare') return (sql: string) => counted(target.prepare(sql), sql, []);
      if (name === 'batch') {
        return async (statements: D1PreparedStatement[]) => {
          if (isDry) {
            transactions.push(statements.flatMap((one) => made.get(one) ?? []));
            return [];
          }
          const results = await target.batch(statements);
          for (const result of results) count(result);
          return results;
        };
      }
      return Reflect.get(target, name, target);
    },
  });
}

/**
 * The consumer with a database that counts what it is asked. `GET /counts` tells, and starts anew. After
 * `GET /dry` transactions are not run but kept, until `GET /transactions` asks for them.
 */
export default {
  queue: (batch: MessageBatch, env: Env) => consumer.queue(batch, { ...env, DB: countingDatabase(env.DB) }),

  async fetch(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname;
    if (path === '/dry') isDry = true;
    const answer = path === '/transactions' ? transactions : counts;
    if (path === '/transactions') {
      isDry = false;
      transactions = [];
    }
    counts = none();
    return Response.json(answer);
  },
};
