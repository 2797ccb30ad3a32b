import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { uuidv7 } from '../../shared/ids.ts';
import { type FakeCloudflare, fakeCloudflare, writes } from '../support/cloudflare/api.ts';
import { type Workspace, workspace } from '../support/cloudflare/workspace.ts';
import { type FakeK6, fakeK6 } from '../support/fake-k6.ts';
import { enterRow, rollUp } from '../support/ledger-rows.ts';

const API = 'openai-api-production';
const CONSUMER = 'openai-api-consumer-production';

let cloudflare: FakeCloudflare;
let project: Workspace;
let system: { server: Server; url: string; overrides: (string | undefined)[] };
beforeEach(async () => {
  cloudflare = await fakeCloudflare();
  project = workspace(cloudflare.env);
  system = await healthySystem();
});
afterEach(() => {
  cloudflare.close();
  project.remove();
  system.server.close().closeAllConnections();
});

/** What answers at BASE_URL: `/health` only. */
async function healthySystem(): Promise<typeof system> {
  const overrides: (string | undefined)[] = [];
  const server = createServer(({ url, headers }, response) => {
    overrides.push(headers['cloudflare-workers-version-overrides']?.toString());
    response.writeHead(url === '/health' ? 200 : 404).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, overrides };
}

/** The environment production, of which both workers are deployed, each in one version. */
function deployed(migration = 'v2'): { api: string; consumer: string } {
  const uuid = randomUUID();
  const sqlite = new DatabaseSync(':memory:');
  sqlite.exec(readFileSync('schema.sql', 'utf8'));
  cloudflare.databases.set(API, { uuid, sqlite });
  fill('REPLACE_WITH_PRODUCTION_D1_ID', uuid);
  fill('REPLACE_WITH_PRODUCTION_KV_ID', 'f'.repeat(32));
  for (const [, queue = ''] of project.read('wrangler.consumer.toml').matchAll(/queue = "(.+-production)"/g)) {
    cloudflare.queues.set(queue, { queue_id: queue, consumers: [] });
  }
  const [api, consumer] = [randomUUID(), randomUUID()];
  for (const [name, version] of [
    [API, api],
    [CONSUMER, consumer],
  ] as const) {
    const deployment = {
      id: randomUUID(),
      created_on: '2026-11-02',
      versions: [{ version_id: version, percentage: 100 }],
    };
    const migration_tag = name === API ? migration : undefined;
    cloudflare.scripts.set(name, {
      ...{ versions: [version], secrets: [], crons: [] },
      migration_tag,
      deployments: [deployment],
    });
  }
  return { api, consumer };
}

function fill(placeholder: string, id: string): void {
  for (const file of ['wrangler.api.toml', 'wrangler.consumer.toml']) {
    writeFileSync(join(project.dir, file), project.read(file).replaceAll(placeholder, id));
  }
}

/** `npm run deploy -- …` by the real wrangler against a stand-in for Cloudflare, with one for k6. */
function deploy(k6: FakeK6, ...args: string[]) {
  const env = { BASE_URL: system.url, API_KEY: 'sk-of-the-smoke', PATH: `${k6.bin}:${process.env.PATH}` };
  return project.run('deploy', ['--env', 'production', '--settle', '0', ...args], env);
}

/** k6 whose request is in the ledger, where the audit looks for it. */
function k6Ending(code: 0 | 1): FakeK6 {
  const id = uuidv7();
  const ledger = cloudflare.databases.get(API)?.sqlite;
  if (ledger) {
    enterRow(ledger, id);
    rollUp(ledger);
  }
  return fakeK6(project.dir, id, code);
}

/** Uploads and deployments that were asked of Cloudflare, in order. */
function changes(): string[] {
  const paths = writes(cloudflare.calls).map((call) => call.replace('/workers/scripts/', ''));
  return paths.filter((call) => /^(PUT \S+-production|POST \S+\/(versions|deployments))$/.test(call));
}

/** Which versions a worker answers by, the latest deployment first: `version@percentage`. */
function history(name: string): string[] {
  const all = cloudflare.scripts.get(name)?.deployments ?? [];
  return all.map(({ versions }) =>
    versions.map(({ version_id, percentage }) => `${version_id}@${percentage}`).join(' '),
  );
}

const newest = (name: string) => cloudflare.scripts.get(name)?.versions[0];

describe('npm run deploy', { timeout: 180_000 }, () => {
  it('gives a part to the new version, has the smoke ask for it, and then gives it all; the consumer first', async () => {
    const before = deployed();
    const k6 = k6Ending(0);
    const { code, stdout, stderr, last } = await deploy(k6, '--gradual', '10');
    expect(code, stdout + stderr).toBe(0);
    expect(last).toBe('production is deployed');
    expect(changes()).toEqual([
      ...[`POST ${CONSUMER}/versions`, `POST ${CONSUMER}/deployments`],
      ...[`POST ${API}/versions`, `POST ${API}/deployments`, `POST ${API}/deployments`],
    ]);
    const version = newest(API);
    expect(history(API)).toEqual([`${version}@100`, `${version}@10 ${before.api}@90`, `${before.api}@100`]);
    expect(k6.runs()).toEqual([{ url: system.url, override: `${API}="${version}"` }]);
    expect(system.overrides).toEqual([`${API}="${version}"`, undefined]);
    expect(cloudflare.scripts.get(CONSUMER)?.crons).toHaveLength(3);
    expect(cloudflare.queues.get('openai-api-usage-production')?.consumers).toHaveLength(1);
  });

  it('ends what is under way on Ctrl-C, and rolls both back, the API worker first', async () => {
    const before = deployed();
    const k6 = k6Ending(0);
    cloudflare.onCall = (call) => {
      if (call !== `POST /workers/scripts/${API}/deployments`) return;
      cloudflare.onCall = null;
      project.interrupt();
    };
    const { code, stderr } = await deploy(k6, '--gradual', '10');
    expect(code).toBe(1);
    expect(stderr).toContain(
      `It was interrupted.\n${API} is back at version ${before.api}.\n${CONSUMER} is back at version ${before.consumer}.\n`,
    );
    expect(changes().slice(-2)).toEqual([`POST ${API}/deployments`, `POST ${CONSUMER}/deployments`]);
    expect(history(API)).toEqual([`${before.api}@100`, `${newest(API)}@10 ${before.api}@90`, `${before.api}@100`]);
    expect(history(CONSUMER)[0]).toBe(`${before.consumer}@100`);
    expect(k6.runs()).toEqual([]);
  });

  it('deploys a Durable Object migration to all at once, and rolls back what can be when the smoke fails', async () => {
    const before = deployed('v1');
    const k6 = k6Ending(1);
    // Cloudflare rolls nothing back behind a migration.
    cloudflare.fail = new RegExp(`^POST /workers/scripts/${API}/deployments$`);
    const { code, stdout, stderr } = await deploy(k6, '--gradual', '10');
    expect(code).toBe(1);
    expect(stdout).toContain(`${API}: not gradually`);
    expect(k6.runs()).toEqual([{ url: system.url, override: '' }]);
    expect(stderr).toContain(`The smoke failed.\n${API} could not be rolled back: `);
    expect(stderr).toContain(`Not now [code: 10000]\n${CONSUMER} is back at version ${before.consumer}.\n`);
    expect(changes()).toEqual([
      ...[`POST ${CONSUMER}/versions`, `POST ${CONSUMER}/deployments`, `PUT ${API}`],
      ...[`POST ${API}/deployments`, `POST ${CONSUMER}/deployments`],
    ]);
    expect(cloudflare.scripts.get(API)?.migration_tag).toBe('v2');
  });

  it('makes a first deploy to all at once, behind which there is nothing to go back to', async () => {
    deployed();
    cloudflare.scripts.clear();
    cloudflare.fail = new RegExp(`^PUT /workers/scripts/${API}$`);
    const { code, stdout, stderr } = await deploy(k6Ending(0), '--gradual', '10');
    expect(code).toBe(1);
    expect(stdout).toContain(`${API}: not gradually`);
    expect(changes()).toEqual([`PUT ${CONSUMER}`, `PUT ${API}`]);
    expect(stderr).toContain(
      `Not now [code: 10000]\n${API} was not there before: there is nothing to go back to.\n${CONSUMER} was not there before`,
    );
  });

  it('rolls the consumer back when the API worker cannot be deployed, and runs no smoke', async () => {
    const before = deployed();
    cloudflare.fail = new RegExp(`^POST /workers/scripts/${API}/versions$`);
    const k6 = k6Ending(0);
    const { code, stderr } = await deploy(k6);
    expect(code).toBe(1);
    expect(stderr).toContain(`Not now [code: 10000]\n${API} is as it was.\n${CONSUMER} is back at version`);
    expect(history(API)).toEqual([`${before.api}@100`]);
    expect(k6.runs()).toEqual([]);
  });

  it('begins nothing while a worker is split between versions', async () => {
    const before = deployed();
    const other = randomUUID();
    const versions = [before.api, other].map((version_id) => ({ version_id, percentage: 50 }));
    cloudflare.scripts.get(API)?.deployments.unshift({ id: randomUUID(), created_on: '2026-11-03', versions });
    const { code, stderr } = await deploy(k6Ending(0));
    expect(code).toBe(1);
    expect(stderr).toContain(`${API} is split between ${before.api} (50 %) and ${other} (50 %): end that first`);
    expect(changes()).toEqual([]);
  });

  it('wants real ids first, and to know what to try out', async () => {
    const k6 = fakeK6(project.dir, uuidv7(), 0);
    expect((await deploy(k6)).stderr).toContain('REPLACE_WITH_PRODUCTION_KV_ID still: npm run staging:up -- --env');
    expect((await deploy(k6, '--gradual', '100')).stderr).toContain('--gradual must be a whole number from 1 to 99');
    const nowhere = await project.run('deploy', [], { BASE_URL: '' });
    expect(nowhere.stderr).toContain('BASE_URL and API_KEY say what is tried out: set both.');
    expect(cloudflare.calls).toEqual([]);
  });
});
