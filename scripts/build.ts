import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { startUps } from './build/start-up.ts';
import { run, UsageError } from './cli.ts';
import { table } from './table.ts';
import { wrangler } from './wrangler.ts';

const USAGE = `npm run build                Builds both workers to dist/ as they would be deployed, and tells how large they are
                             and how long they take to start.
npm run build -- --modules   And what is in them, the largest first.`;

const WORKERS = ['api', 'consumer'] as const;
/** So many modules and packages are shown. */
const SHOWN = 10;

/** What esbuild says of what it built, as far as it is read here. */
interface Metafile {
  outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }>;
}

await run('npm run build', async (args) => {
  const { values } = options(args);
  if (values.help) return console.log(USAGE);
  for (const name of WORKERS) {
    console.error(`building the ${name} worker`);
    wrangler(['deploy', '--dry-run', '-c', `wrangler.${name}.toml`, '--outdir', `dist/${name}`, '--metafile']);
  }
  console.error('starting them in fresh isolates');
  const times = await startUps(WORKERS.map(bundleOf));
  const rows = await Promise.all(
    WORKERS.map(async (name) => {
      const bundle = await readFile(bundleOf(name));
      return { name, bytes: bundle.byteLength, gzipped: gzipSync(bundle).byteLength, start: times.get(bundleOf(name)) };
    }),
  );
  console.log(
    table(
      [
        ['worker', ({ name }) => name],
        ['size', ({ bytes }) => kib(bytes)],
        ['gzipped', ({ gzipped }) => kib(gzipped)],
        ['start-up, median', ({ start }) => ms(start?.median)],
        ['least', ({ start }) => ms(start?.least)],
      ],
      rows,
    ),
  );
  if (values.modules) for (const name of WORKERS) await showModules(name);
});

function options(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: { modules: { type: 'boolean' }, help: { type: 'boolean' } } });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function bundleOf(name: string): string {
  return `dist/${name}/index.js`;
}

async function showModules(name: string): Promise<void> {
  const { outputs } = JSON.parse(await readFile(`dist/${name}/bundle-meta.json`, 'utf8')) as Metafile;
  const modules = new Map<string, number>();
  for (const { inputs } of Object.values(outputs))
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) modules.set(path, bytesInOutput);
  const packages = new Map<string, number>();
  for (const [path, bytes] of modules) packages.set(packageOf(path), (packages.get(packageOf(path)) ?? 0) + bytes);
  const total = [...modules.values()].reduce((sum, bytes) => sum + bytes, 0);
  for (const [what, sizes] of [
    ['package', packages],
    ['module', modules],
  ] as const) {
    const largest = [...sizes].sort(([, a], [, b]) => b - a).slice(0, SHOWN);
    const columns = [
      [`${name}: ${what}`, ([path]: [string, number]) => path],
      ['size', ([, bytes]: [string, number]) => kib(bytes)],
      ['share', ([, bytes]: [string, number]) => `${((bytes * 100) / total).toFixed(1)} %`],
    ] as const;
    console.log(`\n${table(columns, largest)}`);
  }
}

/** `zod` of `node_modules/zod/index.js`; of our own files the folder. */
function packageOf(path: string): string {
  const [, own, library] = /^(?:.*node_modules\/((?:@[^/]+\/)?[^/]+)|([^/]+))\//.exec(path) ?? [];
  return own ?? library ?? path;
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

function ms(time: number | undefined): string {
  return time === undefined ? '–' : `${time.toFixed(0)} ms`;
}
