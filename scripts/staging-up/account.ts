import type { Resource } from '../environment.ts';
import { wrangler } from '../wrangler.ts';

/** What an account has of each kind: ids by name. What is bound by its name has that for an id. */
export type Account = Map<Resource['kind'], Map<string, string>>;

/** The wrangler command that creates a resource of a kind. */
const CREATE: Record<Resource['kind'], readonly string[]> = {
  d1: ['d1', 'create'],
  kv: ['kv', 'namespace', 'create'],
  queue: ['queues', 'create'],
  r2: ['r2', 'bucket', 'create'],
};

/** Cloudflare's code of a bucket that is not there. */
const NO_SUCH_BUCKET = /\[code: 10006\]/;

const LIST: Record<Resource['kind'], (names: readonly string[]) => Map<string, string>> = {
  d1: () => {
    const all = JSON.parse(wrangler(['d1', 'list', '--json'])) as { name: string; uuid: string }[];
    return new Map(all.map(({ name, uuid }) => [name, uuid]));
  },
  kv: () => {
    const all = JSON.parse(wrangler(['kv', 'namespace', 'list'])) as { title: string; id: string }[];
    return new Map(all.map(({ title, id }) => [title, id]));
  },
  queue: listQueues,
  // Wrangler lists twenty of them and says nothing of the rest, so that each is asked for.
  r2: (names) => new Map(names.filter(isBucket).map((name) => [name, name])),
};

/**
 * What the account has of the resources that are named, and maybe others of their kinds.
 *
 * @throws Error of one line when wrangler is not signed in.
 */
export function readAccount(resources: readonly Resource[]): Account {
  const kinds = Map.groupBy(resources, ({ kind }) => kind);
  return new Map([...kinds].map(([kind, ofKind]) => [kind, LIST[kind](ofKind.map(({ name }) => name))]));
}

/** The arguments by which wrangler creates a resource. */
export function creation({ kind, name }: Resource): string[] {
  return [...CREATE[kind], name];
}

/** Wrangler prints a table of them, the name in its second column, page by page: until all are found, or no more comes. */
function listQueues(names: readonly string[]): Map<string, string> {
  const queues = new Map<string, string>();
  for (let page = 1; ; page += 1) {
    const before = queues.size;
    const table = wrangler(['queues', 'list', '--page', String(page)]);
    for (const [, name = ''] of table.matchAll(/^│ [^│]+ │ ([\w-]+) +│/gm)) queues.set(name, name);
    if (queues.size === before || names.every((name) => queues.has(name))) return queues;
  }
}

function isBucket(name: string): boolean {
  try {
    wrangler(['r2', 'bucket', 'info', name, '--json']);
    return true;
  } catch (error) {
    if (NO_SUCH_BUCKET.test((error as Error).message)) return false;
    throw error;
  }
}
