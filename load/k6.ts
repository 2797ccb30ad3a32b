import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

const MODULE = 'go.k6.io/k6@v1.8.1';
const PROGRESS_EVERY_MS = 10_000;

/** What came of a run: all thresholds held, some were crossed, or somebody ended it before its time. */
export type Outcome = 'held' | 'crossed' | 'interrupted';

/** By k6's exit code; any other: it could not run. */
const OUTCOMES = new Map<number | null, Outcome>([
  [0, 'held'],
  [99, 'crossed'],
  [105, 'interrupted'],
]);

/** Where k6 is: on the PATH, or where Go installs programs; null where it is not. */
export function findK6(): string | null {
  const { PATH = '', GOBIN, GOPATH = join(homedir(), 'go') } = process.env;
  const installed = GOBIN ? [GOBIN] : GOPATH.split(delimiter).map((dir) => join(dir, 'bin'));
  return programIn([...PATH.split(delimiter), ...installed], 'k6');
}

function programIn(dirs: readonly string[], name: string): string | null {
  return (
    dirs
      .filter((dir) => dir !== '')
      .map((dir) => join(dir, name))
      .find(isProgram) ?? null
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Where k6 is, installed by Go if it was not there.
 *
 * @throws Error of one line when there is neither, or when it is of a version before 1, to which TypeScript is foreign.
 */
export function k6(): string {
  const path = findK6() ?? installK6();
  const { stdout } = spawnSync(path, ['version'], { encoding: 'utf8' });
  const [version = 'of an unknown version', major] = /v(\d+)\.\S+/.exec(stdout) ?? [];
  if (Number(major) >= 1) return path;
  throw new Error(`${path} is ${version}; v1 or later is needed: go install ${MODULE}`);
}

function installK6(): string {
  const go = programIn((process.env.PATH ?? '').split(delimiter), 'go');
  if (go === null) {
    throw new Error(
      `k6 is neither on the PATH nor in Go's bin folder, and there is no Go to install it: see load/README.md.`,
    );
  }
  console.error(`k6 is not there: go install ${MODULE}, some minutes`);
  const { status } = spawnSync(go, ['install', MODULE], { stdio: ['ignore', 'ignore', 'inherit'] });
  const path = findK6();
  if (status !== 0 || path === null) throw new Error(`go install ${MODULE} failed.`);
  return path;
}

/** A run of k6: its arguments, and what its scripts see. */
export interface Run {
  script: string;
  /** Where console.log of the scripts goes, and where the summary, as JSON. */
  consoleFile: string;
  summaryFile: string;
  env: Record<string, string>;
}

/**
 * Runs a script to its end. k6 shows its own progress: as it likes on a terminal, elsewhere a line every ten seconds.
 *
 * @throws Error of one line when it could not run.
 */
export async function runK6(path: string, { script, consoleFile, summaryFile, env }: Run): Promise<Outcome> {
  const onTerminal = process.stdout.isTTY === true;
  const child = spawn(
    path,
    [
      ...['run', '--no-usage-report', '--address', '127.0.0.1:0', '--log-format', 'raw'],
      ...[
        '--console-output',
        consoleFile,
        '--summary-export',
        summaryFile,
        ...(onTerminal ? [] : ['--no-color']),
        script,
      ],
    ],
    {
      stdio: ['ignore', onTerminal ? 'inherit' : 'pipe', 'inherit'],
      // What one machine has need not be had on the next: no extensions are fetched.
      env: { ...process.env, ...env, K6_AUTO_EXTENSION_RESOLUTION: 'false' },
    },
  );
  if (child.stdout) showSparsely(child.stdout);
  // Asked so, k6 ends what is under way and sums up. Ctrl-C reaches it without us, and twice is at once.
  const end = () => child.kill('SIGINT');
  process.once('SIGTERM', end);
  const [code] = (await once(child, 'close')) as [number | null];
  process.off('SIGTERM', end);
  const outcome = OUTCOMES.get(code);
  if (outcome === undefined) throw new Error(`k6 ended with ${code}.`);
  return outcome;
}

/**
 * Passes on what k6 prints, but of its progress, which it tells twice a second, only one in ten seconds: how many
 * requests are done, and below it of each scenario how much of its time has passed.
 */
function showSparsely(output: NodeJS.ReadableStream): void {
  let shownAt = Date.now();
  let showing = false;
  let started = false;
  createInterface({ input: output }).on('line', (line) => {
    const running = line.startsWith('running (');
    // What comes after the bars is the summary, for people to read.
    started = (started || running) && !line.includes('█');
    if (running) showing = Date.now() - shownAt >= PROGRESS_EVERY_MS;
    if (running && showing) shownAt = Date.now();
    const isProgress = running || /^\S+ +(?:\S )?\[ +\d+% \]/.test(line);
    const isGap = started && line.trim() === '';
    if (isProgress ? showing : !isGap) console.log(line);
  });
}
