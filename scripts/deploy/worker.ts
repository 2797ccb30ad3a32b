import type { Worker } from '../environment.ts';
import { wrangler } from '../wrangler.ts';

/** What wrangler says of a version with a Durable Object migration: it must be deployed at once, to all. */
const PENDING_MIGRATION = /pending Durable Object migration/;
/** Cloudflare's code of a Worker that was never deployed. */
const NO_SUCH_WORKER = /\[code: 10007\]/;

/** Which versions of a worker answer, and how many of a hundred requests each; empty before its first deploy. */
export type Deployment = { version_id: string; percentage: number }[];

/** What answers now. */
export function deploymentOf({ config }: Worker, env: string): Deployment {
  try {
    const status = JSON.parse(wrangler(['deployments', 'status', '--json', '--env', env, '-c', config]));
    return (status as { versions: Deployment }).versions;
  } catch (error) {
    if (NO_SUCH_WORKER.test((error as Error).message)) return [];
    throw error;
  }
}

/** Deploys a worker to all at once, with its triggers: routes, crons, queues. */
export function deploy({ config }: Worker, env: string): void {
  wrangler(['deploy', '--env', env, '-c', config]);
}

/** Uploads a version that nobody gets yet; null: it brings a migration, and only a deploy can apply that. */
export function upload({ config }: Worker, env: string): string | null {
  try {
    const printed = wrangler(['versions', 'upload', '--env', env, '-c', config]);
    const [, version] = /^Worker Version ID: ([\da-f-]{36})$/m.exec(printed) ?? [];
    if (version === undefined) throw new Error('wrangler versions upload told no version.');
    return version;
  } catch (error) {
    if (PENDING_MIGRATION.test((error as Error).message)) return null;
    throw error;
  }
}

/** Splits requests between versions. */
export function split({ config }: Worker, env: string, deployment: Deployment): void {
  const shares = deployment.map(({ version_id, percentage }) => `${version_id}@${percentage}%`);
  wrangler(['versions', 'deploy', ...shares, '--yes', '--env', env, '-c', config]);
}

/** Applies what belongs to no version: routes, crons, queues. */
export function deployTriggers({ config }: Worker, env: string): void {
  wrangler(['triggers', 'deploy', '--env', env, '-c', config]);
}

/** Gives all requests to an earlier version. */
export function rollBack({ config }: Worker, env: string, version: string): void {
  wrangler(['rollback', version, '--message', 'By npm run deploy, which failed', '--yes', '--env', env, '-c', config]);
}
