import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Runs `npm run NAME -- …`, without npm, against a system; what it printed, and its exit code. */
export async function runScript(
  name: string,
  url: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { ADMIN_KEY: _, ...outer } = process.env;
  const child = spawn(process.execPath, [`scripts/${name}.ts`, '--url', url, ...args], {
    env: { ...outer, NO_COLOR: '1', ...env },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}
