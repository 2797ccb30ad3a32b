import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withAbsolutePaths } from '../../scripts/local-configs.ts';
import { type System, startSystem } from '../support/system.ts';

/** Operations by name, as counting.ts names them. */
export type Counts = Record<string, number>;

/** Both workers, with all counted that they do to their bindings. */
export interface CountedSystem extends System {
  /** What the API worker and its Durable Objects did since the last call. */
  counts(): Promise<Counts>;
  /** What the consumer did. */
  consumerCounts(): Promise<Counts>;
  /** Sets the API worker's clock forward. It stands otherwise, so that what is remembered for a time is not forgotten by a slow test. */
  later(ms: number): Promise<void>;
  /** Runs a cron of the consumer at a time, Unix ms. */
  cron(cron: string, at: number): Promise<void>;
}

/** Starts them as {@link startSystem} does, with analytics. */
export async function startCounted(consumerVars: Record<string, string>): Promise<CountedSystem> {
  const dir = await mkdtemp(join(tmpdir(), 'openai-api-counted-'));
  const configs = [
    await written(dir, 'api', '\n[[services]]\nbinding = "CONSUMER"\nservice = "openai-api-consumer"\n'),
    await written(dir, 'consumer', ''),
  ] as const;
  const system = await startSystem({}, { analytics: true, configs, consumerVars });
  const ask = async (path: string): Promise<Response> => {
    const response = await fetch(system.origin + path);
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return response;
  };
  const later = async (ms: number): Promise<void> => void (await ask(`/clock?forward_ms=${ms}`));
  await later(0);
  return {
    ...system,
    counts: async () => (await (await ask('/counts')).json()) as Counts,
    consumerCounts: async () => (await (await ask('/consumer/counts')).json()) as Counts,
    later,
    cron: async (cron, at) => void (await ask(`/consumer/cron?cron=${encodeURIComponent(cron)}&at=${at}`)),
    async stop() {
      await system.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A worker's configuration, without its other environments, with the counting worker in its place. */
async function written(dir: string, name: string, more: string): Promise<string> {
  const text = await readFile(`wrangler.${name}.toml`, 'utf8');
  const path = join(dir, `wrangler.${name}.toml`);
  const config = text
    .slice(0, text.indexOf('\n[env.'))
    .replace(`main = "${name}-worker/index.ts"`, `main = "tests/scale/workers/${name}.ts"`);
  await writeFile(path, withAbsolutePaths(config) + more);
  return path;
}
