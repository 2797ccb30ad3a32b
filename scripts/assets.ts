import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DASHBOARD = join(ROOT, 'api-worker/dashboard');
const SCALAR = join(ROOT, 'node_modules/@scalar/api-reference/dist/browser/standalone.js');
/** What wrangler.api.toml names as the folder of assets. */
const ASSETS = join(ROOT, 'dist/assets');

/**
 * Builds what the API worker gives out as files: the dashboard's page, program and styles, and Scalar's program for
 * /docs. Only what has changed is written, and in one step: development servers may be watching and reading.
 */
export async function buildAssets(): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: { main: join(DASHBOARD, 'main.tsx') },
    outdir: join(ASSETS, 'dashboard'),
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: ['es2023', 'safari17'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'warning',
  });
  const files = outputFiles.map(({ path, contents }) => [path, contents] as const);
  await Promise.all([
    ...files.map(([path, contents]) => put(path, contents)),
    put(join(ASSETS, 'dashboard/index.html'), await readFile(join(DASHBOARD, 'index.html'))),
    put(join(ASSETS, 'docs/scalar.js'), await readFile(SCALAR)),
  ]);
}

async function put(path: string, contents: Uint8Array): Promise<void> {
  const present = await readFile(path).catch(() => null);
  if (present?.equals(contents)) return;
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, contents);
  await rename(draft, path);
}

if (import.meta.main) await buildAssets();
