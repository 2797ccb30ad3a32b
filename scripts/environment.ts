import { readFileSync } from 'node:fs';
import { unstable_readConfig as readConfig } from 'wrangler';
import { UsageError } from './cli.ts';

/** Both workers' files, in the order of a deploy: the consumer must know a message before the API worker sends it. */
export const CONFIGS = { consumer: 'wrangler.consumer.toml', api: 'wrangler.api.toml' } as const;

/** What stands in a wrangler file for what only the owner of an account knows. */
const PLACEHOLDER = /^REPLACE_WITH_\w+$/;

export type WorkerName = keyof typeof CONFIGS;

/** A worker as it is deployed. */
export interface Worker {
  name: WorkerName;
  /** Its name on Cloudflare. */
  script: string;
  config: string;
}

/** What a worker is bound to and an account must have. */
export interface Resource {
  kind: 'd1' | 'kv' | 'queue' | 'r2';
  name: string;
  /** By which the wrangler files bind it, or placeholders; none of what is bound by its name. */
  ids: string[];
}

/** An environment, as the wrangler files have it. */
export interface Environment {
  name: string;
  workers: Worker[];
  resources: Resource[];
  /** Variables that are placeholders still. */
  unset: { config: string; variable: string; value: string }[];
}

/**
 * Reads what the wrangler files say of an environment.
 *
 * @throws UsageError when they have no such environment.
 */
export function readEnvironment(name: string): Environment {
  const { definedEnvironments = [] } = readConfig({ config: CONFIGS.api }, { hideWarnings: true });
  if (!definedEnvironments.includes(name)) {
    throw new UsageError(`--env must be ${definedEnvironments.join(' or ')}, not '${name}'.`);
  }
  const resources = new Map<string, Resource>();
  const add = (kind: Resource['kind'], resource: string, id?: string) => {
    const { ids } = resources.get(`${kind} ${resource}`) ?? { ids: [] };
    const all = id === undefined ? ids : [...new Set([...ids, id])];
    resources.set(`${kind} ${resource}`, { kind, name: resource, ids: all });
  };
  const workers: Worker[] = [];
  const unset: Environment['unset'] = [];
  for (const [worker, config] of entriesOf(CONFIGS)) {
    const read = readConfig({ config, env: name }, { hideWarnings: true });
    workers.push({ name: worker, script: read.name ?? '', config });
    for (const { database_name = '', database_id } of read.d1_databases) add('d1', database_name, database_id);
    // A namespace has no name in a wrangler file: it is named as the queues are.
    for (const { binding, id } of read.kv_namespaces) add('kv', `${read.topLevelName}-${kebab(binding)}-${name}`, id);
    for (const { queue } of read.queues.producers ?? []) add('queue', queue);
    for (const { queue, dead_letter_queue } of read.queues.consumers ?? []) {
      add('queue', queue);
      if (dead_letter_queue !== undefined) add('queue', dead_letter_queue);
    }
    for (const { bucket_name } of read.r2_buckets) if (bucket_name !== undefined) add('r2', bucket_name);
    for (const [variable, value] of Object.entries(read.vars)) {
      if (typeof value === 'string' && isPlaceholder(value)) unset.push({ config, variable, value });
    }
  }
  return { name, workers, resources: [...resources.values()], unset };
}

export function isPlaceholder(text: string): boolean {
  return PLACEHOLDER.test(text);
}

/** schema.sql, as it lies beside the wrangler files. */
export function readSchema(): string {
  return readFileSync('schema.sql', 'utf8');
}

function kebab(binding: string): string {
  return binding.toLowerCase().replaceAll('_', '-');
}

function entriesOf<T extends object>(of: T): [keyof T, T[keyof T]][] {
  return Object.entries(of) as [keyof T, T[keyof T]][];
}
