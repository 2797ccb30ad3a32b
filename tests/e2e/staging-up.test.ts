import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareSchema } from '../../scripts/database-schema.ts';
import { SECRETS } from '../../scripts/staging-up/secrets.ts';
import { type FakeCloudflare, fakeCloudflare, writes } from '../support/cloudflare/api.ts';
import { type Workspace, workspace } from '../support/cloudflare/workspace.ts';

const QUEUES = [
  'openai-api-usage-staging',
  'openai-api-analytics-staging',
  'openai-api-reconcile-staging',
  'openai-api-reconcile-dead-letters-staging',
  'openai-api-usage-dead-letters-staging',
  'openai-api-analytics-dead-letters-staging',
];

let cloudflare: FakeCloudflare;
let project: Workspace;
beforeEach(async () => {
  cloudflare = await fakeCloudflare();
  project = workspace(cloudflare.env);
});
afterEach(() => {
  cloudflare.close();
  project.remove();
});

/** `npm run staging:up -- …` in a copy of the project, by the real wrangler, against a stand-in for Cloudflare. */
const stagingUp = (...args: string[]) => project.run('staging-up', args);

/** A wrangler file with the ids that the account gave. */
function withIds(file: string): string {
  return readFileSync(file, 'utf8')
    .replace('REPLACE_WITH_STAGING_D1_ID', cloudflare.databases.get('openai-api-staging')?.uuid ?? '')
    .replace('REPLACE_WITH_STAGING_KV_ID', cloudflare.namespaces.get('openai-api-cache-staging') ?? '');
}

describe('npm run staging:up', { timeout: 120_000 }, () => {
  it('creates all that is missing, writes down the ids and nothing else, and the second time does nothing', async () => {
    const first = await stagingUp('--yes');
    expect(first.code, first.stderr).toBe(0);
    expect([...cloudflare.databases.keys()]).toEqual(['openai-api-staging']);
    expect([...cloudflare.namespaces.keys()]).toEqual(['openai-api-cache-staging']);
    expect([...cloudflare.queues.keys()]).toEqual(QUEUES);
    expect(cloudflare.buckets.size).toBe(0);
    for (const file of ['wrangler.api.toml', 'wrangler.consumer.toml']) expect(project.read(file)).toBe(withIds(file));
    const tiers = cloudflare.databases
      .get('openai-api-staging')
      ?.sqlite.prepare('SELECT subject FROM rate_limits')
      .all();
    expect(tiers).toHaveLength(4);
    expect(first.stdout).toContain('npx wrangler secret put OPENROUTER_API_KEY --env staging -c wrangler.api.toml');
    expect(first.stdout).toContain('wrangler.api.toml: ALLOWED_ORIGINS = "REPLACE_WITH_YOUR_ORIGINS"');
    expect(first.stdout).toContain('npm run deploy:staging');

    cloudflare.calls.length = 0;
    const second = await stagingUp();
    expect(second.code, second.stderr).toBe(0);
    expect(second.stdout).toMatch(/^staging has all its resources\n/);
    expect(writes(cloudflare.calls)).toEqual([]);
    for (const file of ['wrangler.api.toml', 'wrangler.consumer.toml']) expect(project.read(file)).toBe(withIds(file));
  });

  it('finishes what a run began that failed half-way', async () => {
    cloudflare.fail = /^POST \/queues$/;
    const failed = await stagingUp('--yes');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/^A request to the Cloudflare API .+ failed\. Not now \[code: 10000\]\n$/m);
    expect(failed.stderr).not.toMatch(/^ +at /m);
    expect(cloudflare.databases.size).toBe(1);
    expect(cloudflare.queues.size).toBe(0);

    cloudflare.fail = null;
    cloudflare.calls.length = 0;
    const next = await stagingUp('--yes');
    expect(next.code, next.stderr).toBe(0);
    expect([...cloudflare.queues.keys()]).toEqual(QUEUES);
    expect(cloudflare.calls).not.toContain('POST /d1/database');
    for (const file of ['wrangler.api.toml', 'wrangler.consumer.toml']) expect(project.read(file)).toBe(withIds(file));
  });

  it('takes what is there by its name, and creates a bucket that the wrangler files bind', async () => {
    for (const file of ['wrangler.api.toml', 'wrangler.consumer.toml']) {
      const bucket = 'binding = "LEDGER_ARCHIVE"\nbucket_name = "ledger-staging"\n';
      appendFileSync(join(project.dir, file), `\n[[env.staging.r2_buckets]]\n${bucket}`);
    }
    cloudflare.namespaces.set('openai-api-cache-staging', 'f'.repeat(32));
    for (const queue of QUEUES.slice(1)) cloudflare.queues.set(queue, { queue_id: queue, consumers: [] });
    const { code, stdout, stderr } = await stagingUp('--yes');
    expect(code, stderr).toBe(0);
    expect([...cloudflare.buckets]).toEqual(['ledger-staging']);
    expect(cloudflare.calls.filter((call) => call === 'POST /queues')).toHaveLength(1);
    expect(cloudflare.calls).not.toContain('POST /storage/kv/namespaces');
    expect(project.read('wrangler.api.toml')).toContain(`id = "${'f'.repeat(32)}"`);
    expect(stdout).toContain('# only its id in the wrangler files: openai-api-cache-staging');
  });

  it('stops at an id in the wrangler files that the account does not have', async () => {
    const file = join(project.dir, 'wrangler.api.toml');
    writeFileSync(
      file,
      project.read('wrangler.api.toml').replace('REPLACE_WITH_STAGING_D1_ID', 'd1-of-another-account'),
    );
    const { code, stderr } = await stagingUp('--yes');
    expect(code).toBe(1);
    expect(stderr).toContain('bind openai-api-staging as d1-of-another-account, which this account does not have.');
    expect(writes(cloudflare.calls)).toEqual([]);
  });

  it('creates nothing without a yes where nobody can be asked', async () => {
    const { code, stdout, stderr } = await stagingUp();
    expect(code).toBe(1);
    expect(stdout).toContain('npx wrangler d1 create openai-api-staging');
    expect(stderr).toContain('Creating it needs --yes where nobody can be asked.');
    expect(writes(cloudflare.calls)).toEqual([]);
  });

  it.each(['staging', 'production'])('shows all commands of %s with --dry-run, and asks nobody', async (env) => {
    const { code, stdout } = await project.run('staging-up', ['--dry-run', '--env', env], { CLOUDFLARE_API_TOKEN: '' });
    expect(code).toBe(0);
    for (const queue of QUEUES) {
      expect(stdout).toContain(`npx wrangler queues create ${queue.replace(/staging$/, env)}\n`);
    }
    expect(stdout).toContain(`npx wrangler kv namespace create openai-api-cache-${env}\n`);
    expect(stdout).toContain(`npm run db:apply:${env}\n`);
    expect(stdout).toContain(`npx wrangler secret put ALERT_WEBHOOK_URL --env ${env} -c wrangler.consumer.toml\n`);
    expect(cloudflare.calls).toEqual([]);
    expect(project.read('wrangler.api.toml')).toBe(readFileSync('wrangler.api.toml', 'utf8'));
  });

  it('says in one line that wrangler is not signed in', async () => {
    const { code, stderr } = await project.run('staging-up', ['--yes'], { CLOUDFLARE_API_TOKEN: '' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Wrangler is not signed in: npx wrangler login, or set CLOUDFLARE_API_TOKEN\.$/m);
    expect(cloudflare.calls).toEqual([]);
  });

  it.each([
    [['--env', 'moon'], "--env must be staging or production, not 'moon'."],
    [['staging'], "Unexpected argument 'staging'"],
  ])('says in a line what is wrong with %j', async (args, message) => {
    const { code, stderr } = await stagingUp(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  it('knows the secrets that .dev.vars.example names', () => {
    const names = readFileSync('.dev.vars.example', 'utf8').match(/^\w+(?==)/gm);
    expect(SECRETS.map(({ name }) => name).toSorted()).toEqual(names?.toSorted());
  });
});

describe('the state of a schema', () => {
  const SCHEMA = 'CREATE TABLE IF NOT EXISTS a (x TEXT); -- first\nCREATE VIEW IF NOT EXISTS b AS SELECT x FROM a;';

  it('is what is missing, and what is another than in schema.sql; comments and spaces are nothing', () => {
    const same = { name: 'a', sql: 'CREATE TABLE a (\n  x TEXT -- why\n)' };
    const view = { name: 'b', sql: 'CREATE VIEW b AS SELECT x FROM a' };
    expect(compareSchema(SCHEMA, [])).toEqual({ missing: ['a', 'b'], other: [] });
    expect(compareSchema(SCHEMA, [same, view])).toEqual({ missing: [], other: [] });
    expect(compareSchema(SCHEMA, [{ ...same, sql: 'CREATE TABLE a (x INTEGER)' }])).toEqual({
      missing: ['b'],
      other: ['a'],
    });
  });
});
