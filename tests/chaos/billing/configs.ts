import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withAbsolutePaths } from '../../../scripts/local-configs.ts';

/** The queues of usage and analytics give a message up after so many deliveries, so that dead letters come about. */
const DELIVERIES = 4;
const OF_THESE = /(?<=queue = "openai-api-(?:usage|analytics)"\n(?:max_batch\w+ = \d+\n)+)max_retries = \d+/g;
/** Smaller than in life, so that there are more of them to go wrong. */
const BATCH = 20;

/**
 * Writes the workers' configurations with the faulty workers in the places of the real ones, which they
 * call, and returns the environment that has them started.
 */
export async function writeConfigs(dir: string, seed: number): Promise<Record<string, string>> {
  const vars = `[vars]\nCHAOS_SEED = "${seed}"\n`;
  const api = (await read('wrangler.api.toml'))
    .replace('main = "api-worker/index.ts"', 'main = "tests/chaos/workers/api.ts"')
    .replace('[vars]\n', vars)
    .concat('\n[[services]]\nbinding = "CONSUMER"\nservice = "openai-api-consumer"\n');
  const consumer = (await read('wrangler.consumer.toml'))
    .replace('main = "consumer-worker/index.ts"', 'main = "tests/chaos/workers/consumer.ts"')
    .replace('[vars]\n', vars)
    .replaceAll('max_batch_size = 100', `max_batch_size = ${BATCH}`)
    .replaceAll(OF_THESE, `max_retries = ${DELIVERIES}`);
  await mkdir(join(dir, 'chaos'));
  const paths = [join(dir, 'chaos/wrangler.api.toml'), join(dir, 'chaos/wrangler.consumer.toml')] as const;
  await writeFile(paths[0], withAbsolutePaths(api));
  await writeFile(paths[1], withAbsolutePaths(consumer));
  return { WRANGLER_CONFIGS: paths.join(',') };
}

/** Without its other environments. */
async function read(path: string): Promise<string> {
  const text = await readFile(path, 'utf8');
  return text.slice(0, text.indexOf('\n[env.'));
}
