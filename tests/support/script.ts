import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** What a program printed, the last line of it, and its exit code. */
export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
  last: string;
}

/** Runs a program of this project to its end, as its npm script does. */
export async function runProgram(
  path: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Ran> {
  const child = spawn(process.execPath, [path, ...args], { env: { ...process.env, NO_COLOR: '1', ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr, last: stdout.trimEnd().split('\n').at(-1) ?? '' };
}

/** Runs `npm run NAME -- …`, without npm, against a system. */
export function runScript(
  name: string,
  url: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  return runProgram(`scripts/${name}.ts`, ['--url', url, ...args], { ADMIN_KEY: '', ...env });
}
