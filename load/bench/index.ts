import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { drawAll } from './plot.ts';

/**
 * `npm run bench`: every benchmark in turn, its result saved to docs/bench/, then drawn. `--plot` only draws what was
 * saved. Fails if a budget is missed, but draws all the same.
 */
const { values: args } = parseArgs({ options: { plot: { type: 'boolean', default: false } } });

const missed = args.plot
  ? []
  : ['relay', 'ledger', 'memory'].filter((bench) => {
      console.error(`bench:${bench}`);
      return spawnSync(process.execPath, [`load/bench/${bench}.ts`, '--save'], { stdio: 'inherit' }).status !== 0;
    });
for (const path of drawAll()) console.log(path);
if (missed.length > 0) console.error(`not within budget, or failed: ${missed.join(', ')}`);
process.exitCode = missed.length > 0 ? 1 : 0;
