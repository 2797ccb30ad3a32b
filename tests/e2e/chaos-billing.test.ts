import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
/** They mostly wait: for retries, for reconciliation. */
const AT_ONCE = 3;

/** The last line of a run of `npm run chaos`, and all that it printed. */
async function chaos(seed: number) {
  const child = spawn(process.execPath, ['tests/chaos/billing.ts', '--seed', String(seed), '--requests', '250']);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  return { seed, code: Number(code), output, last: output.trimEnd().split('\n').at(-1) ?? '' };
}

it('npm run chaos holds for ten seeds', { timeout: 600_000 }, async () => {
  const waiting = [...SEEDS];
  const runs: Awaited<ReturnType<typeof chaos>>[] = [];
  const work = async (): Promise<void> => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) runs.push(await chaos(seed));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  for (const { code, output, last, seed } of runs.toSorted((a, b) => a.seed - b.seed)) {
    console.log(last);
    expect(code, output).toBe(0);
    expect(JSON.parse(last)).toMatchObject({
      ...{ chaos: 'billing', seed, accepted: expect.any(Number), lost: 0, duplicated: 0, rollup_mismatches: 0 },
      ...{ open_reservations: 0, nano_usd_difference: 0, analytics_missing: 0, analytics_doubled: 0 },
    });
  }
});
