import type { Environment, WorkerName } from '../environment.ts';
import { wrangler } from '../wrangler.ts';

/** A secret that workers read; what it is for: .dev.vars.example. */
interface Secret {
  name: string;
  workers: readonly WorkerName[];
  required: boolean;
}

export const SECRETS: readonly Secret[] = [
  { name: 'OPENROUTER_API_KEY', workers: ['api', 'consumer'], required: true },
  { name: 'POSTHOG_API_KEY', workers: ['api', 'consumer'], required: false },
  { name: 'JWT_SECRET', workers: ['api'], required: false },
  { name: 'AI_GATEWAY_TOKEN', workers: ['api'], required: false },
  { name: 'ALERT_WEBHOOK_URL', workers: ['consumer'], required: false },
];

/** What wrangler says of a Worker that was never deployed. */
const NO_SUCH_WORKER = /^Worker ".+" not found/;

/** A secret that a worker does not have, and the arguments by which wrangler puts it. */
export interface Missing {
  name: string;
  required: boolean;
  command: string[];
}

/** The secrets that an environment's workers do not have; without `ask`, all there are. */
export function missingSecrets({ name: env, workers }: Environment, ask = true): Missing[] {
  return workers.flatMap(({ name: worker, config, script }) => {
    const put = ask ? secretsOf(script) : new Set<string>();
    return SECRETS.filter((secret) => secret.workers.includes(worker) && !put.has(secret.name)).map(
      ({ name, required }) => ({ name, required, command: ['secret', 'put', name, '--env', env, '-c', config] }),
    );
  });
}

/** Names of what a worker has; one that is not deployed has none. */
function secretsOf(script: string): Set<string> {
  try {
    const secrets = JSON.parse(wrangler(['secret', 'list', '--name', script])) as { name: string }[];
    return new Set(secrets.map(({ name }) => name));
  } catch (error) {
    if (NO_SUCH_WORKER.test((error as Error).message)) return new Set();
    throw error;
  }
}
