import { AdminApi } from '../scripts/admin-api.ts';
import { type LocalSystem, startLocal } from '../tests/support/start.ts';

const ACCOUNTS = 20;
/** So many requests a minute a key may make that is to meet its limit. */
const LIMITED_PER_MINUTE = 60;
/** Simulated analytics are not looked at, and would fill the memory. */
const FORGET_EVERY_MS = 10_000;

/** A system on this machine to be loaded: both workers with all they do, the simulator in this process. */
export interface LoadedSystem {
  system: LocalSystem;
  /** What the scenarios are told of it. */
  env: Record<string, string>;
  /** Whether it began anew, for a source file, or a folder above, had changed: it then forgets what stood in its queues. */
  reloaded(): boolean;
  stop(): Promise<void>;
}

/** Starts it, with an account for each some of the people, and one that has a low limit. */
export async function startLoaded(): Promise<LoadedSystem> {
  const system = await startLocal({ POSTHOG_API_KEY: 'phc_of_the_load' }, undefined, { ownGroup: true });
  const forgetting = setInterval(() => system.upstream.posthog.clear(), FORGET_EVERY_MS);
  const stop = async () => {
    clearInterval(forgetting);
    await system.stop();
  };
  try {
    const api = new AdminApi(system.origin, undefined);
    const keys: string[] = [];
    for (let n = 1; n <= ACCOUNTS; n += 1) keys.push(await keyOf(api, { id: `load-${n}`, tier: 'unlimited' }));
    const limits = { requests_per_minute: LIMITED_PER_MINUTE };
    const limited = await keyOf(api, { id: 'load-limited', limits });
    return {
      system,
      env: { BASE_URL: system.origin, API_KEY: keys.join(','), LIMITED_API_KEY: limited },
      reloaded: () => system.output().includes('Reloading local server'),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function keyOf(api: AdminApi, account: { id: string } & Record<string, unknown>): Promise<string> {
  await api.send('POST', '/admin/users', account);
  const { key } = await api.send<{ key: string }>('POST', `/admin/users/${account.id}/keys`, {});
  return key;
}
