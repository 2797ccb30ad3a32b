import { expect, it } from 'vitest';
import { runProgram } from '../support/script.ts';

it('npm run chaos:upstream holds with one request of each kind', { timeout: 180_000 }, async () => {
  const { code, stdout, stderr, last } = await runProgram('tests/chaos/upstream.ts', ['--requests', '1']);
  console.log(last);
  expect(code, stdout + stderr).toBe(0);
  expect(JSON.parse(last)).toEqual({
    chaos: 'upstream',
    requests: 155,
    answered_with_fallback: 1,
    silent_truncations: 0,
    resumed: 6,
    resumed_exact: 6,
    raised: 77,
    nano_usd_difference: 0,
  });
});
