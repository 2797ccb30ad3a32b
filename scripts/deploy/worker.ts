import type { Worker } from '../environment.ts';
import { wranglerToItsEnd } from '../wrangler.ts';

/** What wrangler says of a version with a Durable Object migration: it must be deployed at once, to all. */
const PENDING_MIGRATION = /pending Durable Object migration/;
/** Cloudflare's code of a Worker that was never deployed. */
const NO_SUCH_WORKER = /\[code: 10007\]/;

/** Which versions of a worker answer, and how many of a hundred requests each; empty before its first deploy. */
export type Deployment = { version_id: string; percentage: number }[];

/** What answers now. */
export async function deploymentOf({ config }: Worker, env: string): Promise<Deployment> {
  try {
    const printed = await wranglerToItsEnd(['deployments', 'status', '--json', '--env', env, '-c', config]);
    return (JSON.parse(printed) as { versions: Deployment }).versions;
  } catch (error) {
    if (NO_SUCH_WORKER.test((error as Error).message)) return [];
    throw error;
  }
}

/** Deploys a worker to all at once, with its triggers: routes, crons, queues. */
export async function deploy({ config }: Worker, env: string): Promise<void> {
  await wranglerToItsEnd(['deploy', '--env', env, '-c', config]);
}

/** Uploads a version that nobody gets yet; null: it brings a migration, and only a deploy can apply that. */
export async function upload({ config }: Worker, env: string): Promise<string | null> {
  try {
    const printed = await wranglerToItsEnd(['versions', 'upload', '--env', env, '-c', config]);
    const [, version] = /^Worker Version ID: ([\da-f-]{36})$/m.exec(printed) ?? [];
    if (version === undefined) throw new Error('wrangler versions upload told no version.');
    return version;
  } catch (error) {
    if (PENDING_MIGRATION.test((error as Error).message)) return null;
    throw error;
  }
}

/** Splits requests between versions. */
export async function split({ config }: Worker, env: string, deployment: Deployment): Promise<void> {
  const shares = deployment.map(({ version_id, percentage }) => `${version_id}@${percentage}%`);
  await wranglerToItsEnd(['versions', 'deploy', ...shares, '--yes', '--env', env, '-c', config]);
}

/** Applies what belongs to no version: routes, crons, queues. */
export async function deployTriggers({ config }: Worker, env: string): Promise<void> {
  await wranglerToItsEnd(['triggers', 'deploy', '--env', env, '-c', config]);
}

/** Gives all requests to an earlier version. */
export async function rollBack({ config }: Worker, env: string, version: string): Promise<void> {
  const message = 'By npm run deploy, which failed';
  await wranglerToItsEnd(['rollback', version, '--message', message, '--yes', '--env', env, '-c', config]);
}
