import { expect, it } from 'vitest';
import { runProgram } from '../support/script.ts';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
/** They mostly wait: for retries, for reconciliation. */
const AT_ONCE = 3;

async function chaos(seed: number) {
  return { seed, ...(await runProgram('tests/chaos/billing.ts', ['--seed', String(seed), '--requests', '250'])) };
}

it('npm run chaos holds for ten seeds', { timeout: 600_000 }, async () => {
  const waiting = [...SEEDS];
  const runs: Awaited<ReturnType<typeof chaos>>[] = [];
  const work = async (): Promise<void> => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) runs.push(await chaos(seed));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  for (const { code, stdout, stderr, last, seed } of runs.toSorted((a, b) => a.seed - b.seed)) {
    console.log(last);
    expect(code, stdout + stderr).toBe(0);
    expect(JSON.parse(last)).toMatchObject({
      ...{ chaos: 'billing', seed, accepted: expect.any(Number), lost: 0, duplicated: 0, rollup_mismatches: 0 },
      ...{ open_reservations: 0, nano_usd_difference: 0, analytics_missing: 0, analytics_doubled: 0 },
    });
  }
});
