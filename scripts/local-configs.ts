import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** A path in a configuration that is relative to it. */
const RELATIVE = /^(main|directory|watch_dir) = "(?!\/)(.+)"$/gm;

const QUOTES = ["'", '`', '"'];

/**
 * Copies the workers' configurations to a folder, beside a `.dev.vars` with variables for all of them:
 * `wrangler dev` hands those of `--env-file` to the first of several workers only.
 *
 * @returns the paths of the copies.
 * @throws Error of one line for a value that `.dev.vars` cannot hold.
 */
export function writeLocalConfigs(
  paths: readonly string[],
  dir: string,
  vars: Record<string, string | undefined>,
): string[] {
  const lines = Object.entries(vars).map(([name, value]) => `${name}=${quoted(name, value ?? '')}`);
  writeFileSync(join(dir, '.dev.vars'), `${lines.join('\n')}\n`, { mode: 0o600 });
  return paths.map((path) => {
    const copy = join(dir, basename(path));
    writeFileSync(copy, withAbsolutePaths(readFileSync(path, 'utf8'), dirname(path)));
    return copy;
  });
}

/** A configuration that says the same wherever it lies; `dir` is where it lay. */
export function withAbsolutePaths(config: string, dir = '.'): string {
  return config.replaceAll(RELATIVE, (_, name: string, relative: string) => `${name} = "${resolve(dir, relative)}"`);
}

/**
 * A value so that wrangler's dotenv reads it as it is. That unescapes nothing, but makes line ends of `\n` and `\r`
 * in double quotes and of carriage returns anywhere, and takes no quote behind a backslash for the end.
 */
function quoted(name: string, value: string): string {
  const quote = QUOTES.find((one) => !value.includes(one) && !(one === '"' && /\\[nr]/.test(value)));
  if (quote === undefined || /\r|\\$/.test(value)) {
    throw new Error(
      `${name} cannot be handed to the workers: it holds all of ' \` and ", a carriage return, or a backslash at its end.`,
    );
  }
  return quote + value + quote;
}
