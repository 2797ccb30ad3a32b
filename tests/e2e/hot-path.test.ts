import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withAbsolutePaths } from '../../scripts/local-configs.ts';
import { wrangler } from '../../scripts/wrangler.ts';
import { type LocalSystem, startLocal } from '../support/start.ts';

/** In esbuild's bundle: where a module begins that is evaluated when it is first asked for, and never again. */
const MODULE = /^ {2}(?:async )?"([^"]+\.m?[jt]s)"\(\) \{$/gm;

/** Beside the bundle: answers which of its modules have been evaluated. */
const TOLD = `
  import worker from './index.js';
  export * from './index.js';
  export default {
    fetch(request, env, ctx) {
      const isAsked = new URL(request.url).pathname === '/evaluated';
      return isAsked ? Response.json(globalThis.evaluated ?? []) : worker.fetch(request, env, ctx);
    },
  };`;

/** Builds the API worker as it is deployed, but so that its modules tell of it when they are evaluated. */
async function buildTelling(dir: string): Promise<Record<string, string>> {
  const outdir = join(dir, 'telling');
  await mkdir(outdir);
  wrangler(['deploy', '--dry-run', '-c', 'wrangler.api.toml', '--outdir', outdir]);
  const bundle = await readFile(join(outdir, 'index.js'), 'utf8');
  const telling = bundle.replaceAll(MODULE, (head, path) => `${head}(globalThis.evaluated ??= []).push("${path}");`);
  await writeFile(join(outdir, 'index.js'), telling);
  await writeFile(join(outdir, 'told.js'), TOLD);
  const config = (await readFile('wrangler.api.toml', 'utf8')).replace(
    /^main = .*$/m,
    `main = "${join(outdir, 'told.js')}"`,
  );
  await writeFile(join(outdir, 'wrangler.api.toml'), withAbsolutePaths(config));
  return { WRANGLER_CONFIGS: [join(outdir, 'wrangler.api.toml'), 'wrangler.consumer.toml'].join(',') };
}

/** What only the agent lane and the description of the API need. */
const isRare = (path: string): boolean =>
  /node_modules\/(?:ai|@ai-sdk\/[^/]+|expr-eval-fork)\/|api-worker\/(?:openapi|agent\/tools)\//.test(path);

let system: LocalSystem;
beforeAll(async () => {
  system = await startLocal({}, buildTelling);
});
afterAll(() => system.stop());

async function evaluated(): Promise<string[]> {
  return (await (await fetch(`${system.origin}/evaluated`)).json()) as string[];
}

async function complete(body: object): Promise<void> {
  const response = await fetch(`${system.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'openai/gpt-5-mini', messages: [{ role: 'user', content: 'Hello' }], ...body }),
  });
  await response.text();
  expect(response.status).toBe(200);
}

it('answers chat completions without having evaluated the AI SDK, the gateway’s tools or the OpenAPI document', async () => {
  await complete({ stream: true });
  await complete({});
  const needed = await evaluated();
  expect(needed, 'modules tell of it').toContain('api-worker/upstream/relay.ts');
  expect(needed.filter(isRare)).toEqual([]);

  await fetch(`${system.origin}/openapi.json`);
  expect(await evaluated()).toContain('api-worker/openapi/document.ts');
  await complete({ tools: [{ type: 'gateway:calculator' }] });
  expect(await evaluated()).toEqual(
    expect.arrayContaining(['node_modules/ai/dist/index.js', 'node_modules/@ai-sdk/openai/dist/index.js']),
  );
});
