import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';
import { buildAssets } from './scripts/assets.ts';
import { LongestFirst } from './tests/support/longest-first.ts';

const SCHEMA = readFileSync(new URL('./schema.sql', import.meta.url), 'utf8');

// The API worker's configuration names the folder, which is to be there.
await buildAssets();

/** Tests that run inside workerd, with the bindings of one worker's wrangler file and schema.sql in reach. */
function workerd(name: string, include: string[], configPath: string, globalSetup: string[] = []) {
  return {
    plugins: [cloudflareTest({ wrangler: { configPath }, miniflare: { bindings: { SCHEMA } } })],
    // One file at a time where they share a simulated upstream: some wait for it by the clock.
    test: { name, include, globalSetup, fileParallelism: globalSetup.length === 0 },
  };
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    // End-to-end tests mostly wait for processes of their own.
    maxWorkers: '100%',
    projects: [
      workerd('unit', ['tests/unit/**/*.test.ts'], './wrangler.api.toml'),
      workerd('integration:api', ['tests/integration/api/**/*.test.ts'], './wrangler.api.toml', [
        './tests/support/upstream.setup.ts',
      ]),
      workerd('integration:consumer', ['tests/integration/consumer/**/*.test.ts'], './wrangler.consumer.toml', [
        './tests/support/upstream.setup.ts',
      ]),
      {
        test: {
          name: 'e2e',
          include: ['tests/e2e/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // As long as tests/support/eventually.ts waits for what processes do.
          expect: { poll: { timeout: 10_000 } },
          // Hundreds of Node processes are started, many of them wrangler's, which compile the same programs.
          env: { NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache') },
        },
      },
    ],
  },
});
