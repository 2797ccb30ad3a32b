import { expect, it } from 'vitest';
import { runProgram } from '../support/script.ts';

it('npm run bench:memory finds little in the isolate while streams are in progress, and nothing afterwards', {
  timeout: 120_000,
}, async () => {
  const { code, stderr, last } = await runProgram('load/bench/memory.ts', ['--quick']);
  expect(code, stderr).toBe(0);
  const result = JSON.parse(last);
  expect(Object.keys(result)).toEqual([
    ...['bench', 'streams', 'peak_isolate_mb', 'peak_rss_added_mb', 'left_after_mb', 'transcript_bound_mib'],
  ]);
  expect(result).toMatchObject({ bench: 'memory', streams: 40 });
  expect(result.peak_isolate_mb).toBeLessThan(40);
  expect(result.left_after_mb).toBeLessThan(2);
});
