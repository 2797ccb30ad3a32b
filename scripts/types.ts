import { spawnSync } from 'node:child_process';

/**
 * Writes each worker's `bindings.d.ts` from its wrangler file; `--check` only says whether they are
 * true. The secrets' names come from .dev.vars.example, so that nobody's own .dev.vars shows.
 */
const WORKERS = [
  { config: 'wrangler.api.toml', file: 'api-worker/bindings.d.ts', name: 'ApiBindings' },
  { config: 'wrangler.consumer.toml', file: 'consumer-worker/bindings.d.ts', name: 'ConsumerBindings' },
];

for (const { config, file, name } of WORKERS) {
  const { status } = spawnSync(
    'wrangler',
    [
      ...['types', file, '-c', config, '--env-file', '.dev.vars.example', '--env-interface', name],
      ...['--include-runtime=false', '--strict-vars=false', ...process.argv.slice(2)],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (status !== 0) process.exit(status ?? 1);
}
