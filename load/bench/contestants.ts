import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare, type V4WorkerOptions } from 'miniflare';
import { unstable_getMiniflareWorkerOptions } from 'wrangler';
import { withAbsolutePaths } from '../../scripts/local-configs.ts';
import { prepareLocalDatabase } from '../../scripts/local-state.ts';
import { wrangler } from '../../scripts/wrangler.ts';
import { childrenNamed } from './process-cpu.ts';

/** What is compared: each does chat completions at `/v1/chat/completions`, in a workerd of its own. */
export const CONTESTANTS = ['passthrough', 'gateway', 'stubbed', 'inline'] as const;
export type ContestantName = (typeof CONTESTANTS)[number];

export interface Contestant {
  name: ContestantName;
  /** Where it listens. */
  port: number;
  /** Of its workerd. */
  pid: number;
  miniflare: Miniflare;
}

/** The workers of each, the first of which is asked: its configuration, and what stands in its `main`'s place. */
const WORKERS: Record<ContestantName, readonly (readonly [config: string, main?: string])[]> = {
  passthrough: [['load/bench/workers/wrangler.passthrough.toml']],
  gateway: [['wrangler.api.toml'], ['wrangler.consumer.toml']],
  stubbed: [['wrangler.api.toml', 'load/bench/workers/stubbed.ts']],
  inline: [['load/bench/workers/wrangler.inline.toml']],
};

/**
 * Builds a contestant as it would be deployed and starts it, with a database and all that it binds.
 *
 * @param dir for what it is built to and what it keeps.
 * @param vars over those of its configuration.
 * @param shared of the runtime: where its inspector listens; 0: anywhere, unset: nowhere.
 * @throws Error of one line when it cannot be built or started.
 */
export async function startContestant(
  name: ContestantName,
  dir: string,
  vars: Record<string, string>,
  shared: { inspectorPort?: number } = {},
): Promise<Contestant> {
  const own = join(dir, name);
  await mkdir(own, { recursive: true });
  await prepareLocalDatabase(own);
  const before = childrenNamed('workerd');
  const miniflare = new Miniflare(
    // wrangler gives the options of Miniflare 4.
    convertV4MiniflareOptions({
      ...shared,
      // A line a request: written, as in life, but not shown.
      handleStructuredLogs: () => undefined,
      resourcePersistencePath: join(own, 'v3'),
      workers: WORKERS[name].map(([config, main]) => built(config, main, own, vars)),
    }),
  );
  const url = await miniflare.unsafeGetDirectURL();
  const [pid] = childrenNamed('workerd').filter((child) => !before.includes(child));
  if (pid === undefined) throw new Error('workerd did not start.');
  return { name, port: Number(url.port), pid, miniflare };
}

/** Options for Miniflare that a worker's configuration and bundle make. */
function built(config: string, main: string | undefined, dir: string, vars: Record<string, string>): V4WorkerOptions {
  const path = main === undefined ? config : withMain(config, main, dir);
  const outdir = join(dir, basename(config, '.toml'));
  wrangler(['deploy', '--dry-run', '-c', path, '--outdir', outdir]);
  const { main: entry, workerOptions } = unstable_getMiniflareWorkerOptions(path);
  const script = basename(entry ?? '').replace(/ts$/, 'js');
  // The pages have no part in this.
  const { assets: _, ...options } = workerOptions;
  return {
    ...options,
    name: basename(config, '.toml'),
    modules: [{ type: 'ESModule', path: script, contents: readFileSync(join(outdir, script), 'utf8') }],
    bindings: { ...(options.bindings as object), ...vars },
    // Past the router that Miniflare puts before workers.
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
  } as V4WorkerOptions;
}

/** A copy of a configuration with another worker in its place. */
function withMain(config: string, main: string, dir: string): string {
  const path = join(dir, config);
  const text = readFileSync(config, 'utf8').replace(/^main = .*$/m, `main = "${main}"`);
  writeFileSync(path, withAbsolutePaths(text));
  return path;
}
