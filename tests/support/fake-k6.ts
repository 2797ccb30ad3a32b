import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What k6 was told when it ran. */
interface Run {
  url: string;
  override: string;
}

/** A program that takes the place of k6. */
export interface FakeK6 {
  /** The folder that it is in, for the PATH. */
  bin: string;
  runs(): Run[];
}

/**
 * Writes a program of k6's name, which asks nothing, and says that one request was made and answered with 200.
 *
 * @param requestId of that request.
 * @param code by which k6 ends: 0 if all thresholds held, 99 if some were crossed, 1 if it could not run.
 */
export function fakeK6(dir: string, requestId: string, code: 0 | 1 | 99): FakeK6 {
  const bin = join(dir, 'bin');
  const log = join(dir, 'k6.log');
  mkdirSync(bin);
  writeFileSync(log, '');
  const metrics = {
    failed: { passes: code === 0 ? 0 : 1, fails: code === 0 ? 1 : 0, value: code === 0 ? 0 : 1 },
    ...{ asked: { count: 1 }, answered: { count: 1 }, succeeded: { count: 1 } },
  };
  writeFileSync(
    join(bin, 'k6'),
    `#!${process.execPath}
import { appendFileSync, writeFileSync } from 'node:fs';
const args = process.argv.slice(2);
if (args[0] === 'version') {
  console.log('k6 v1.8.1');
  process.exit();
}
const { BASE_URL, VERSION_OVERRIDE } = process.env;
appendFileSync(${JSON.stringify(log)}, JSON.stringify({ url: BASE_URL, override: VERSION_OVERRIDE }) + '\\n');
writeFileSync(args[args.indexOf('--console-output') + 1], ${JSON.stringify(`${requestId} 200\n`)});
writeFileSync(args[args.indexOf('--summary-export') + 1], ${JSON.stringify(JSON.stringify({ metrics }))});
process.exit(${code});
`,
  );
  chmodSync(join(bin, 'k6'), 0o755);
  return {
    bin,
    runs: () =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Run),
  };
}
