import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Ran } from '../script.ts';

const COPIED = ['wrangler.api.toml', 'wrangler.consumer.toml', 'schema.sql'];
/** The results of a load are written beside its program, and must not meet those of another one. */
const LINKED = [
  ...['node_modules', 'api-worker', 'consumer-worker', 'shared', 'scripts', 'dist', 'package.json'],
  ...['load/run.ts', 'load/scenarios'],
];

/** A copy of the project that scripts may write to, as far as wrangler needs one. */
export interface Workspace {
  dir: string;
  /** The text of one of its files. */
  read(file: string): string;
  /** Runs `scripts/NAME.ts` there to its end. */
  run(name: string, args: readonly string[], env?: Record<string, string>): Promise<Ran>;
  /** What Ctrl-C does to what runs there: SIGINT, to all of its process group. */
  interrupt(): void;
  remove(): void;
}

/** @param env of whatever runs there, such as where Cloudflare's API is. */
export function workspace(env: Record<string, string>): Workspace {
  const dir = mkdtempSync(join(tmpdir(), 'openai-api-deploy-'));
  for (const file of COPIED) cpSync(file, join(dir, file));
  mkdirSync(join(dir, 'load'));
  for (const path of LINKED) symlinkSync(resolve(path), join(dir, path));
  // Nobody's own account is signed in there.
  const home = join(dir, 'home');
  const outer = { ...process.env, NO_COLOR: '1', HOME: home, XDG_CONFIG_HOME: home, ...env };
  let running: ChildProcess | undefined;
  return {
    dir,
    read: (file) => readFileSync(join(dir, file), 'utf8'),
    async run(name, args, more = {}) {
      const child = spawn(process.execPath, [resolve(`scripts/${name}.ts`), ...args], {
        cwd: dir,
        env: { ...outer, ...more },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      running = child;
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk) => (stdout += chunk));
      child.stderr.on('data', (chunk) => (stderr += chunk));
      const [code] = (await once(child, 'close')) as [number | null];
      return { code, stdout, stderr, last: stdout.trimEnd().split('\n').at(-1) ?? '' };
    },
    interrupt() {
      if (running?.pid) process.kill(-running.pid, 'SIGINT');
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}
