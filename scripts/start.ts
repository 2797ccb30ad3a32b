import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import { type SimulatedUpstream, startUpstream } from '../load/upstream/server.ts';
import { writeLocalConfigs } from './local-configs.ts';
import { LOCAL_KEY, prepareLocalDatabase } from './local-state.ts';
import { failureIn } from './wrangler.ts';

const HOST = '127.0.0.1';
const READY_WITHIN_MS = 120_000;

/** Whether nothing listens on a port. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, HOST, () => probe.close(() => resolve(true)));
  });
}

async function nextFreePort(after: number): Promise<number> {
  for (let port = after + 1; port < 65_536; port += 1) if (await isFree(port)) return port;
  throw new Error(`No free port after ${after}.`);
}

/** Both workers in one development server; the API worker, named first, gets the port. */
function startWorkers(port: number, inspectorPort: number, stateDir: string, configs: readonly string[]): ChildProcess {
  return spawn(
    process.execPath,
    [
      ...['node_modules/wrangler/bin/wrangler.js', 'dev', ...configs.flatMap((path) => ['-c', path])],
      ...['--ip', HOST, '--port', String(port), '--inspector-port', String(inspectorPort)],
      ...['--persist-to', stateDir, '--show-interactive-dev-session=false'],
    ],
    // A group of its own: Ctrl-C reaches it through us, once.
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: { ...process.env, WRANGLER_SEND_METRICS: 'false' } },
  );
}

function ended({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function untilAnswering(url: string, workers: ChildProcess): Promise<void> {
  for (const deadline = Date.now() + READY_WITHIN_MS; Date.now() < deadline; await wait(100)) {
    if (ended(workers)) throw new Error('The development server ended before it was ready.');
    const response = await fetch(url).catch(() => null);
    if (response?.headers.has('x-request-id')) return;
  }
  throw new Error(`Not ready within ${READY_WITHIN_MS / 1000} s.`);
}

/** The environment over .dev.vars, as the workers are to see it. */
function localVars(): Record<string, string | undefined> {
  const vars = existsSync('.dev.vars') ? parseEnv(readFileSync('.dev.vars', 'utf8')) : {};
  for (const name of Object.keys(
    parseEnv(readFileSync('.dev.vars.example', 'utf8').replaceAll(/^# (?=[A-Z_]+=)/gm, '')),
  )) {
    const set = process.env[name];
    if (set !== undefined) vars[name] = set;
  }
  return vars;
}

function ready(port: number, simulated: string | undefined, analytics: boolean): string {
  const base = `http://${HOST}:${port}`;
  const simulation = `\nNo OPENROUTER_API_KEY is set: answers come from the simulated OpenRouter at ${simulated}${analytics ? ', and analytics go to a simulated PostHog there' : ''}`;
  return `ready ${base}/v1
key   ${LOCAL_KEY}${simulated ? simulation : ''}

  curl -N ${base}/v1/chat/completions -H "Authorization: Bearer ${LOCAL_KEY}" -H "Content-Type: application/json" -d '{"model":"openai/gpt-5-mini","stream":true,"messages":[{"role":"user","content":"Hello"}]}'

  curl "${base}/usage?group_by=model" -H "Authorization: Bearer ${LOCAL_KEY}"
`;
}

async function start(children: { workers?: ChildProcess; upstream?: SimulatedUpstream }): Promise<void> {
  const port = Number(process.env.PORT ?? 8787);
  const stateDir = process.env.STATE_DIR ?? '.wrangler/state';
  if (!(await isFree(port))) throw new Error(`Port ${port} is in use: choose another, as in PORT=8790 npm start.`);

  console.log('preparing the local database');
  await prepareLocalDatabase(stateDir);

  const vars = localVars();
  if (!vars.OPENROUTER_API_KEY) {
    children.upstream = await startUpstream({ port: await nextFreePort(port), gapMs: 20 });
    const { url, origin } = children.upstream;
    // Analytics of simulated answers are nothing for a real PostHog.
    Object.assign(vars, { OPENROUTER_API_KEY: 'simulated', UPSTREAM_BASE_URL: url, POSTHOG_HOST: origin });
  }
  // The API worker's first; tests bring others.
  const paths = process.env.WRANGLER_CONFIGS?.split(',') ?? ['wrangler.api.toml', 'wrangler.consumer.toml'];
  const configs = writeLocalConfigs(paths, stateDir, vars);

  console.log('starting both workers');
  const workers = startWorkers(
    port,
    Number(process.env.INSPECTOR_PORT ?? (await nextFreePort(9228))),
    resolve(stateDir),
    configs,
  );
  children.workers = workers;
  let early = '';
  let isReady = false;
  for (const output of [workers.stdout, workers.stderr]) {
    output?.on('data', (chunk: Buffer) => {
      if (isReady) process.stdout.write(chunk);
      else early += chunk;
    });
  }
  workers.once('exit', (code) => {
    if (isReady && !stopping) void stop(code ?? 1);
  });
  await untilAnswering(`http://${HOST}:${port}/health`, workers).catch((error: Error) => {
    const reason = failureIn(early);
    throw new Error(reason ? `${error.message} ${reason}` : error.message);
  });
  isReady = true;
  console.log(ready(port, children.upstream?.url, Boolean(vars.POSTHOG_API_KEY)));
}

const children: { workers?: ChildProcess; upstream?: SimulatedUpstream } = {};
let stopping = false;

async function stop(code: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  const { workers, upstream } = children;
  if (workers?.pid && !ended(workers)) {
    const gone = new Promise((resolve) => workers.once('exit', resolve));
    signalGroup(workers.pid, 'SIGTERM');
    await Promise.race([gone, wait(5_000)]);
    signalGroup(workers.pid, 'SIGKILL');
  }
  await upstream?.close();
  process.exit(code);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Already gone.
  }
}

process.once('SIGINT', () => void stop(0));
process.once('SIGTERM', () => void stop(0));
await start(children).catch((error: Error) => {
  if (stopping) return;
  console.error(error.message);
  return stop(1);
});
