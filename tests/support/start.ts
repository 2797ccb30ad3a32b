import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SimulatedUpstream, startUpstream, type UpstreamOptions } from '../../load/upstream/server.ts';
import { LOCAL_KEY } from '../../scripts/local-state.ts';
import { eventually } from './eventually.ts';

/** `npm start` as a child, and all that it has printed. */
export interface Started {
  child: ChildProcess;
  output(): string;
}

/** Whom signals reach. */
interface Signals {
  /** Whether Ctrl-C at the terminal is kept from it: whoever started it ends it. */
  ownGroup?: boolean;
}

/** `npm start` without npm: the same script, so that signals reach it as Ctrl-C does. */
export function start(env: Record<string, string>, { ownGroup = false }: Signals = {}): Started {
  const { OPENROUTER_API_KEY: _, ...outer } = process.env;
  const child = spawn(process.execPath, ['scripts/start.mjs'], { env: { ...outer, ...env }, detached: ownGroup });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
  return { child, output: () => output };
}

/** Resolves when it answers. */
export async function untilReady({ child, output }: Started): Promise<void> {
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`npm start ended: ${output().slice(-2_000)}`);
    return output().includes('ready ') || null;
  }, 90_000);
}

/** Ends it as Ctrl-C does, with all its children. */
export async function end({ child }: Started): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGINT');
  await once(child, 'exit');
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address ? address.port : 0;
}

/** How a system is not like others. */
interface LocalOptions extends Signals {
  /** Of the simulated upstream. */
  upstream?: UpstreamOptions;
}

/** `npm start`'s system, as developers run it, in front of a simulated upstream in this process. */
export interface LocalSystem {
  /** Of the API worker, without `/v1`. */
  origin: string;
  key: string;
  upstream: SimulatedUpstream;
  /** Where the local database is. */
  stateDir: string;
  /** What the workers logged. */
  output(): string;
  stop(): Promise<void>;
}

/**
 * Starts it with an empty database. In contrast to wrangler's test harness its outbound connections are
 * workerd's own, so that an upstream sees aborts, and workerd sees how an upstream dies.
 *
 * @param configure makes whatever is to be there before it starts, and returns more of its environment.
 */
export async function startLocal(
  vars: Record<string, string> = {},
  configure: (stateDir: string) => Promise<Record<string, string>> = async () => ({}),
  { upstream: options, ...signals }: LocalOptions = {},
): Promise<LocalSystem> {
  const upstream = await startUpstream(options);
  const port = await freePort();
  const stateDir = await mkdtemp(join(tmpdir(), 'openai-api-'));
  const started = start(
    {
      OPENROUTER_API_KEY: 'sk-or-v1-of-the-tests',
      UPSTREAM_BASE_URL: upstream.url,
      POSTHOG_HOST: upstream.origin,
      ...vars,
      ...(await configure(stateDir)),
      PORT: String(port),
      // Any free one: several systems start at the same time.
      INSPECTOR_PORT: '0',
      STATE_DIR: stateDir,
    },
    signals,
  );
  const stop = async () => {
    await end(started);
    await upstream.close();
    await rm(stateDir, { recursive: true, force: true });
  };
  await untilReady(started).catch(async (error) => {
    await stop();
    throw error;
  });
  return {
    origin: `http://127.0.0.1:${port}`,
    key: LOCAL_KEY,
    upstream,
    stateDir,
    output: started.output,
    stop,
  };
}
