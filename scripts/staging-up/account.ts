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

const LIST: Record<Resource['kind'], () => Map<string, string>> = {
  d1: () => {
    const all = JSON.parse(wrangler(['d1', 'list', '--json'])) as { name: string; uuid: string }[];
    return new Map(all.map(({ name, uuid }) => [name, uuid]));
  },
  kv: () => {
    const all = JSON.parse(wrangler(['kv', 'namespace', 'list'])) as { title: string; id: string }[];
    return new Map(all.map(({ title, id }) => [title, id]));
  },
  queue: listQueues,
  // Wrangler prints no JSON of them, but a line for each property.
  r2: () => named(/^name:\s+(\S+)$/gm, wrangler(['r2', 'bucket', 'list'])),
};

/**
 * What the account has of the kinds that are named.
 *
 * @throws Error of one line when wrangler is not signed in.
 */
export function readAccount(kinds: Iterable<Resource['kind']>): Account {
  return new Map([...new Set(kinds)].map((kind) => [kind, LIST[kind]()]));
}

/** The arguments by which wrangler creates a resource. */
export function creation({ kind, name }: Resource): string[] {
  return [...CREATE[kind], name];
}

/** Wrangler prints a table of them, page by page, the name in its second column. */
function listQueues(): Map<string, string> {
  const queues = new Map<string, string>();
  for (let page = 1; ; page += 1) {
    const listed = named(/^│ [^│]+ │ ([\w-]+) +│/gm, wrangler(['queues', 'list', '--page', String(page)]));
    listed.delete('name');
    if (listed.size === 0) return queues;
    for (const [name, id] of listed) queues.set(name, id);
  }
}

function named(pattern: RegExp, printed: string): Map<string, string> {
  return new Map([...printed.matchAll(pattern)].map(([, name = '']) => [name, name]));
}
