import { parseArgs } from 'node:util';
import { run, UsageError } from '../scripts/cli.ts';
import { auditRun } from './audit-run.ts';
import { lastRecord } from './results.ts';

const HELP = `Compares the last run of npm run load with the ledger of the system that it ran against.

  npm run load:audit [-- OPTIONS]

Each request that k6 saw answered with 2xx must have one row of its own there, as many as k6 counted must have been written down, no other success may be there of the same keys and the time of the run, and the rollups of its account must be the sum of the ledger's rows. It waits as long as the queues bring more. The exit code is 1 if anything is lost, doubled or not summed up; ledger_doubled is null where requests that were cut off leave that open.

  --env NAME   whose D1 is read, if the run was against a deployed system: staging (or as the run was told), production
  --help       this

The last line is JSON: {"audit":"load","load":"average","successes":n,"ledger_missing":0,"ledger_doubled":0,"rollup_mismatches":0}`;

/** `npm run load:audit`. */
async function main(args: readonly string[]): Promise<void> {
  const values = parse(args);
  if (values.help) return console.log(HELP);
  const record = lastRecord();
  const where = values.env === undefined ? record.where : { environment: values.env };
  const { clean, ...found } = await auditRun({ ...record, where });
  console.log(JSON.stringify({ audit: 'load', load: record.load, ...found }));
  if (!clean) process.exitCode = 1;
}

function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { env: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    return values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

await run('npm run load:audit', main);
