import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

const HEALTHY_WITHIN_MS = 120_000;
const ASK_EVERY_MS = 2_000;
const ANSWER_WITHIN_MS = 15_000;

/** Which system is asked, and whether a certain version of it is to answer. */
export interface Target {
  environment: string;
  /** With or without `/v1`. */
  url: string;
  /** Of Cloudflare's header by which a request chooses a version; null: whichever. */
  versionOverride: string | null;
}

/**
 * Waits until `/health` answers 200.
 *
 * @throws Error of one line when it does not within two minutes.
 */
export async function untilHealthy({ url, versionOverride }: Target, signal: AbortSignal): Promise<void> {
  const health = `${url.replace(/\/+$/, '').replace(/\/v1$/, '')}/health`;
  const headers: HeadersInit =
    versionOverride === null ? {} : { 'Cloudflare-Workers-Version-Overrides': versionOverride };
  let last = 'nothing';
  for (const deadline = Date.now() + HEALTHY_WITHIN_MS; ; ) {
    try {
      const within = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
      const response = await fetch(health, { headers, signal: within });
      if (response.ok) return await response.body?.cancel();
      last = `${response.status} ${(await response.text()).slice(0, 200)}`;
    } catch (error) {
      last = (error as Error).message;
    }
    signal.throwIfAborted();
    if (Date.now() > deadline) throw new Error(`${health} did not answer 200, but: ${last}`);
    await wait(ASK_EVERY_MS, undefined, { signal });
  }
}

/**
 * Runs the smoke of `npm run load` with its audit.
 *
 * @param signal ends it; nobody waits until it has ended then.
 * @throws Error of one line when it failed.
 */
export async function smoke({ environment, url, versionOverride }: Target, signal: AbortSignal): Promise<void> {
  const child = spawn(process.execPath, ['load/run.ts', 'smoke', '--env', environment], {
    env: { ...process.env, BASE_URL: url, VERSION_OVERRIDE: versionOverride ?? '' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  const [code] = await Promise.race([once(child, 'close'), once(signal, 'abort')]);
  signal.throwIfAborted();
  if (code !== 0) throw new Error('The smoke failed.');
}
