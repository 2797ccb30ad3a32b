import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** A path in a configuration that is relative to it. */
const RELATIVE = /^(main|directory) = "(?!\/)(.+)"$/gm;

/**
 * Copies the workers' configurations to a folder, beside a `.dev.vars` with variables for all of them:
 * `wrangler dev` hands those of `--env-file` to the first of several workers only.
 *
 * @returns the paths of the copies.
 */
export function writeLocalConfigs(
  paths: readonly string[],
  dir: string,
  vars: Record<string, string | undefined>,
): string[] {
  const lines = Object.entries(vars).map(([name, value]) => `${name}=${JSON.stringify(value ?? '')}`);
  writeFileSync(join(dir, '.dev.vars'), `${lines.join('\n')}\n`, { mode: 0o600 });
  return paths.map((path) => {
    const copy = join(dir, basename(path));
    const absolute = (_: string, name: string, relative: string) => `${name} = "${resolve(dirname(path), relative)}"`;
    writeFileSync(copy, readFileSync(path, 'utf8').replaceAll(RELATIVE, absolute));
    return copy;
  });
}
