import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';

it('npm run chaos:upstream holds with one request of each kind', { timeout: 180_000 }, async () => {
  const child = spawn(process.execPath, ['tests/chaos/upstream.ts', '--requests', '1']);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  console.log(last);
  expect(code, output).toBe(0);
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
