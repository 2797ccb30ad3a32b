/** A queue bills a message by this many bytes. */
const QUEUE_UNIT_BYTES = 64_000;
/** It is written, read and deleted. */
const QUEUE_OPERATIONS = 3;

/** Operations as they are billed, by name; those that did not happen are not there. */
let counts: Record<string, number> = {};

/** So many more of an operation. */
export function count(name: string, times = 1): void {
  if (times > 0) counts[name] = (counts[name] ?? 0) + times;
}

/** All since the last call. */
export function takeCounts(): Record<string, number> {
  for (const cursor of cursors.splice(0)) {
    count('do_rows_read', cursor.rowsRead);
    count('do_rows_written', cursor.rowsWritten);
  }
  const taken = counts;
  counts = {};
  return taken;
}

/** An object with some of its methods replaced; the others are its own. */
function replacing<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get: (_, name) => {
      const value: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** KV that counts: reads, and what is billed as a write. */
export function countedKv(kv: KVNamespace): KVNamespace {
  const counting =
    (name: string, method: (...args: never[]) => unknown) =>
    (...args: never[]): unknown => {
      count(name);
      return method.apply(kv, args);
    };
  return replacing(kv, {
    get: counting('kv_reads', kv.get),
    getWithMetadata: counting('kv_reads', kv.getWithMetadata),
    put: counting('kv_writes', kv.put),
    delete: counting('kv_writes', kv.delete),
  } as unknown as Partial<KVNamespace>);
}

/** A queue's producer that counts its messages and all that is billed until they are gone, delivered once each. */
export function countedQueue<Body>(queue: Queue<Body>): Queue<Body> {
  const counted = (body: unknown): void => {
    const bytes = new TextEncoder().encode(JSON.stringify(body)).byteLength;
    count('queue_messages');
    count('queue_operations', QUEUE_OPERATIONS * Math.ceil(bytes / QUEUE_UNIT_BYTES));
  };
  return replacing(queue, {
    send(body, options) {
      counted(body);
      return queue.send(body, options);
    },
    sendBatch(messages, options) {
      const list = [...messages];
      for (const { body } of list) counted(body);
      return queue.sendBatch(list, options);
    },
  });
}

/** D1 that counts statements and, as D1 itself tells them, rows. */
export function countedD1(db: D1Database): D1Database {
  return replacing(db, {
    prepare: (sql) => new CountedStatement(db.prepare(sql)) as unknown as D1PreparedStatement,
    async batch<T>(statements: D1PreparedStatement[]) {
      const results = await db.batch<T>(statements.map((one) => (one as unknown as CountedStatement).statement));
      for (const { meta } of results) countRows(meta);
      return results;
    },
  });
}

function countRows({ rows_read, rows_written }: D1Meta): void {
  count('d1_statements');
  count('d1_rows_read', rows_read);
  count('d1_rows_written', rows_written);
}

class CountedStatement {
  readonly statement: D1PreparedStatement;

  constructor(statement: D1PreparedStatement) {
    this.statement = statement;
  }

  bind(...values: unknown[]): CountedStatement {
    return new CountedStatement(this.statement.bind(...values));
  }

  async all<T>(): Promise<D1Result<T>> {
    const result = await this.statement.all<T>();
    countRows(result.meta);
    return result;
  }

  run<T>(): Promise<D1Result<T>> {
    return this.all<T>();
  }

  /** D1's own tells nothing of rows. */
  async first<T>(column?: string): Promise<T | null> {
    const [row] = (await this.all<Record<string, T>>()).results;
    if (row === undefined) return null;
    return column === undefined ? (row as T) : (row[column] ?? null);
  }
}

/** R2 that counts: what is billed as class A, which changes something, and as class B, which reads. */
export function countedR2(bucket: R2Bucket): R2Bucket {
  const counting =
    (name: string, method: (...args: never[]) => unknown) =>
    (...args: never[]): unknown => {
      count(name);
      return method.apply(bucket, args);
    };
  return replacing(bucket, {
    put: counting('r2_class_a', bucket.put),
    list: counting('r2_class_a', bucket.list),
    get: counting('r2_class_b', bucket.get),
    head: counting('r2_class_b', bucket.head),
  } as unknown as Partial<R2Bucket>);
}

/** Counts what the worker fetches from elsewhere. */
export function countFetches(): void {
  const { fetch: original } = globalThis;
  globalThis.fetch = (...args) => {
    count('fetches');
    return original(...args);
  };
}

/** Counts the lines that the worker and its objects log. */
export function countLogs(): void {
  counting(console, { log: 'log_lines', info: 'log_lines', warn: 'log_lines', error: 'log_lines' });
}

/** A table in which Miniflare alone writes down an object's name. */
const OF_MINIFLARE = '__miniflare_do_name';

/** Whose rows are known once they are taken. */
const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
let watched = false;

/**
 * Counts the rows of all objects' storage from the first of them on: of SQL as it tells them, of the key-value methods
 * and of alarms as they are billed, one row each.
 */
export function countedStorage(state: DurableObjectState): DurableObjectState {
  if (watched) return state;
  watched = true;
  const { storage } = state;
  const sql = Object.getPrototypeOf(storage.sql) as SqlStorage;
  const { exec } = sql;
  sql.exec = function (this: SqlStorage, ...args: Parameters<SqlStorage['exec']>) {
    const cursor = exec.apply(this, args);
    if (!args[0].includes(OF_MINIFLARE)) cursors.push(cursor);
    return cursor;
  } as SqlStorage['exec'];
  counting(Object.getPrototypeOf(storage.kv), {
    get: 'do_rows_read',
    put: 'do_rows_written',
    delete: 'do_rows_written',
  });
  counting(Object.getPrototypeOf(storage), { setAlarm: 'do_rows_written' });
  return state;
}

/** Counts each call of a class's own methods as a request to an object. */
export function countRequests(prototype: object): void {
  const names = Object.getOwnPropertyNames(prototype).filter(
    (name) => name !== 'constructor' && typeof Object.getOwnPropertyDescriptor(prototype, name)?.value === 'function',
  );
  counting(prototype, Object.fromEntries(names.map((name) => [name, 'do_requests'])));
}

function counting(prototype: object, names: Record<string, string>): void {
  for (const [method, name] of Object.entries(names)) {
    const original = Reflect.get(prototype, method) as (...args: unknown[]) => unknown;
    const counted = function (this: unknown, ...args: unknown[]): unknown {
      count(name);
      return original.apply(this, args);
    };
    Object.defineProperty(prototype, method, { value: counted, writable: true, configurable: true });
  }
}
