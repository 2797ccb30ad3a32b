import { createHash, randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { Refusal, type Routes, Upload } from './api.ts';

/** D1 databases, KV namespaces, queues and R2 buckets of an account, by name. */
export interface Storage {
  databases: Map<string, { uuid: string; sqlite: DatabaseSync }>;
  namespaces: Map<string, string>;
  queues: Map<string, { queue_id: string; consumers: object[] }>;
  buckets: Set<string>;
}

export function storage(): Storage {
  return { databases: new Map(), namespaces: new Map(), queues: new Map(), buckets: new Set() };
}

/** The routes of D1, KV, Queues and R2. */
export function storageRoutes(stored: Storage): Routes {
  return { ...databaseRoutes(stored), ...namespaceRoutes(stored), ...queueRoutes(stored), ...bucketRoutes(stored) };
}

/** D1 runs what it is given in SQLite. A file is put to a signed URL first, and then imported from there. */
function databaseRoutes({ databases }: Storage): Routes {
  const files = new Map<string, string>();
  const find = (uuid = '') => {
    const found = [...databases].find(([, database]) => database.uuid === uuid);
    if (!found) throw new Refusal(404, 7_404, 'The database was not found');
    return found[1].sqlite;
  };
  return {
    'GET /d1/database': ({ query }) =>
      page(
        [...databases].map(([name, { uuid }]) => ({ uuid, name, version: 'production', created_at: '2026-11-02' })),
        query,
      ),
    'POST /d1/database': ({ body }) => {
      const { name } = JSON.parse(body.toString()) as { name: string };
      if (databases.has(name)) throw new Refusal(400, 7_502, `Database with name ${name} already exists`);
      const uuid = randomUUID();
      databases.set(name, { uuid, sqlite: new DatabaseSync(':memory:') });
      return { uuid, name, version: 'production' };
    },
    'POST /d1/database/([^/]+)/query': ({ params: [uuid], body }) => {
      const { sql } = JSON.parse(body.toString()) as { sql: string };
      return [{ results: find(uuid).prepare(sql).all(), success: true, meta: META }];
    },
    'POST /d1/database/([^/]+)/import': ({ params: [uuid], body, origin }) => {
      const { action, etag } = JSON.parse(body.toString()) as { action: string; etag: string };
      if (action === 'init') return { filename: etag, upload_url: `${origin}/upload/${etag}` };
      find(uuid).exec(files.get(etag) ?? '');
      const result = { num_queries: 1, final_bookmark: 'bookmark', meta: META };
      return { success: true, type: 'import', status: 'complete', messages: [], at_bookmark: 'bookmark', result };
    },
    'PUT /upload/([^/]+)': ({ params: [name = ''], body }) => {
      files.set(name, body.toString());
      return new Upload(createHash('md5').update(body).digest('hex'));
    },
  };
}

const META = { duration: 1, rows_read: 1, rows_written: 1, size_after: 4096, changed_db: true };

function namespaceRoutes({ namespaces }: Storage): Routes {
  return {
    'GET /storage/kv/namespaces': ({ query }) =>
      page(
        [...namespaces].map(([title, id]) => ({ id, title, supports_url_encoding: true })),
        query,
      ),
    'POST /storage/kv/namespaces': ({ body }) => {
      const { title } = JSON.parse(body.toString()) as { title: string };
      if (namespaces.has(title)) throw new Refusal(400, 10_014, 'a namespace with this account ID and title exists');
      const id = randomUUID().replaceAll('-', '');
      namespaces.set(title, id);
      return { id, title, supports_url_encoding: true };
    },
  };
}

function queueRoutes({ queues }: Storage): Routes {
  const find = (id = '') => {
    const found = [...queues.values()].find(({ queue_id }) => queue_id === id);
    if (!found) throw new Refusal(404, 11_000, 'The queue was not found');
    return found;
  };
  return {
    'GET /queues': ({ query }) =>
      page(
        [...queues]
          .filter(([name]) => !query.has('name') || query.has('name', name))
          .map(([queue_name, { queue_id, consumers }]) => ({
            ...{ queue_id, queue_name, consumers, consumers_total_count: consumers.length, producers: [] },
            ...{ producers_total_count: 0, created_on: '2026-11-02', modified_on: '2026-11-02' },
          })),
        query,
      ),
    'POST /queues': ({ body }) => {
      const { queue_name } = JSON.parse(body.toString()) as { queue_name: string };
      if (queues.has(queue_name)) throw new Refusal(409, 11_009, `Queue name '${queue_name}' is already taken`);
      const queue_id = randomUUID().replaceAll('-', '');
      queues.set(queue_name, { queue_id, consumers: [] });
      return { queue_id, queue_name };
    },
    'POST /queues/([^/]+)/consumers': ({ params: [id], body }) => {
      const consumer = { consumer_id: randomUUID(), ...(JSON.parse(body.toString()) as object) };
      find(id).consumers.push(consumer);
      return consumer;
    },
    'PUT /queues/([^/]+)/consumers/([^/]+)': ({ body }) => JSON.parse(body.toString()),
  };
}

function bucketRoutes({ buckets }: Storage): Routes {
  return {
    'GET /r2/buckets/([^/]+)': ({ params: [name = ''] }) => {
      if (!buckets.has(name)) throw new Refusal(404, 10_006, 'The specified bucket does not exist.');
      return { name, creation_date: '2026-11-02' };
    },
    // How much is in it, which nobody counts here.
    'POST /graphql': () => ({}),
    'POST /r2/buckets': ({ body }) => {
      const { name } = JSON.parse(body.toString()) as { name: string };
      if (buckets.has(name)) throw new Refusal(409, 10_004, 'The bucket you tried to create already exists');
      buckets.add(name);
      return { name };
    },
  };
}

/** A page of a list, as `page` and `per_page` of the query ask for; a short one, where nothing is said of its length. */
function page<Entry>(entries: Entry[], query: URLSearchParams): Entry[] {
  const size = Number(query.get('per_page') ?? 5);
  const from = (Number(query.get('page') ?? 1) - 1) * size;
  return entries.slice(from, from + size);
}
