import { setTimeout as wait } from 'node:timers/promises';
import type { Environment, Worker, WorkerName } from '../environment.ts';
import { smoke, type Target, untilHealthy } from './smoke.ts';
import { type Deployment, deploy, deploymentOf, deployTriggers, rollBack, split, upload } from './worker.ts';

/** How new versions come to those who ask. */
export interface Rollout {
  environment: Environment;
  url: string;
  /** Of a hundred requests, so many go to the API worker's new version before the smoke; null: all at once. */
  gradual: number | null;
  /** ms between a deployment and the first question to it: Cloudflare's locations learn of it one by one. */
  settleMs: number;
  /** Ends it: what was deployed is rolled back. */
  signal: AbortSignal;
}

type Deployments = Map<Worker, Deployment>;

/**
 * Deploys both workers, the consumer first, and tries them out.
 *
 * 1. What answers now is noted; a worker that is split between versions is nothing to go back to.
 * 2. The consumer is deployed: it must know a message before the API worker sends it.
 * 3. The API worker is deployed: to all, or to a part, and after the smoke to all.
 * 4. If anything fails or is interrupted, what changed goes back, the API worker first.
 *
 * @throws Error that says what failed and where each worker stands.
 */
export async function rollOut(rollout: Rollout): Promise<void> {
  const { environment, signal } = rollout;
  const before: Deployments = new Map(
    await Promise.all(
      environment.workers.map(async (one) => [one, await deploymentOf(one, environment.name)] as const),
    ),
  );
  for (const [worker, deployment] of before) requireWhole(worker, deployment);
  signal.throwIfAborted();
  try {
    const consumer = workerOf(environment, 'consumer');
    console.log(`deploying ${consumer.script}`);
    await deploy(consumer, environment.name);
    signal.throwIfAborted();
    await rollOutApi(rollout, workerOf(environment, 'api'), before);
  } catch (error) {
    const reason = signal.aborted ? 'It was interrupted.' : (error as Error).message;
    throw new Error([reason, ...(await goBack(before, environment.name))].join('\n'));
  }
}

/** A first deploy, and one with a Durable Object migration, is to all at once, whatever was asked. */
async function rollOutApi(rollout: Rollout, api: Worker, before: Deployments): Promise<void> {
  const { environment, gradual } = rollout;
  const [old] = before.get(api) ?? [];
  const version = gradual === null || old === undefined ? null : await upload(api, environment.name);
  if (version === null || gradual === null || old === undefined) {
    if (gradual !== null) console.log(`${api.script}: not gradually, for there is a migration, or nothing yet`);
    console.log(`deploying ${api.script}`);
    await deploy(api, environment.name);
    return tryOut(rollout, null);
  }
  rollout.signal.throwIfAborted();
  console.log(`${api.script}: ${gradual} % of the requests to version ${version}`);
  await split(api, environment.name, [
    { version_id: version, percentage: gradual },
    { version_id: old.version_id, percentage: 100 - gradual },
  ]);
  await tryOut(rollout, `${api.script}="${version}"`);
  console.log(`${api.script}: all requests to version ${version}`);
  await split(api, environment.name, [{ version_id: version, percentage: 100 }]);
  await deployTriggers(api, environment.name);
  await settled(rollout);
  await untilHealthy(targetOf(rollout, null), rollout.signal);
}

async function tryOut(rollout: Rollout, versionOverride: string | null): Promise<void> {
  const target = targetOf(rollout, versionOverride);
  await settled(rollout);
  await untilHealthy(target, rollout.signal);
  await smoke(target, rollout.signal);
}

function targetOf({ environment, url }: Rollout, versionOverride: string | null): Target {
  return { environment: environment.name, url, versionOverride };
}

async function settled({ settleMs, signal }: Rollout): Promise<void> {
  signal.throwIfAborted();
  await wait(settleMs, undefined, { signal });
}

/** The API worker first: the old consumer need not know what the new API worker sends. Says where each worker stands. */
async function goBack(before: Deployments, env: string): Promise<string[]> {
  const told: string[] = [];
  for (const [worker, [old]] of [...before].toReversed()) told.push(await goBackTo(old, worker, env));
  return told;
}

async function goBackTo(old: Deployment[number] | undefined, worker: Worker, env: string): Promise<string> {
  const { script } = worker;
  if (old === undefined) return `${script} was not there before: there is nothing to go back to.`;
  try {
    const [now, ...more] = await deploymentOf(worker, env);
    if (now?.version_id === old.version_id && more.length === 0) return `${script} is as it was.`;
    await rollBack(worker, env, old.version_id);
    return `${script} is back at version ${old.version_id}.`;
  } catch (error) {
    return `${script} could not be rolled back: ${(error as Error).message}`;
  }
}

function requireWhole({ script }: Worker, deployment: Deployment): void {
  if (deployment.length <= 1) return;
  const versions = deployment.map(({ version_id, percentage }) => `${version_id} (${percentage} %)`);
  throw new Error(`${script} is split between ${versions.join(' and ')}: end that first, see docs/deployment.md.`);
}

function workerOf({ workers }: Environment, name: WorkerName): Worker {
  const worker = workers.find((one) => one.name === name);
  if (!worker) throw new Error(`There is no ${name} worker.`);
  return worker;
}
