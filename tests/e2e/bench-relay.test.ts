import { expect, it } from 'vitest';
import { runProgram } from '../support/script.ts';

it('npm run bench:relay measures all four, and the gateway is far ahead of the same job inline', {
  timeout: 180_000,
}, async () => {
  const { code, stderr, last } = await runProgram('load/bench/relay.ts', ['--quick']);
  expect(code, stderr).toBe(0);
  const result = JSON.parse(last);
  expect(Object.keys(result)).toEqual([
    ...['bench', 'cpu_ratio', 'cpu_ratio_stubbed', 'inline_ratio', 'cpu_ratio_1000_chunks'],
    ...['added_p50_ms', 'added_p99_ms_c16'],
  ]);
  expect(result.bench).toBe('relay');
  expect(result.inline_ratio / result.cpu_ratio).toBeGreaterThan(2);
});
