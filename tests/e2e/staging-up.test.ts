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

const FILES = ['wrangler.api.toml', 'wrangler.consumer.toml'];

/** Appends a bucket to the environment staging of both wrangler files. */
function bindBucket(bucket: string): void {
  const binding = `binding = "LEDGER_ARCHIVE"\nbucket_name = "${bucket}"\n`;
  for (const file of FILES) appendFileSync(join(project.dir, file), `\n[[env.staging.r2_buckets]]\n${binding}`);
}

function replace(file: string, text: string, by: string): void {
  writeFileSync(join(project.dir, file), project.read(file).replace(text, by));
}

/** The text of a wrangler file with the ids that the account gave. */
function withIds(text: string): string {
  return text
    .replace('REPLACE_WITH_STAGING_D1_ID', cloudflare.databases.get('openai-api-staging')?.uuid ?? '')
    .replace('REPLACE_WITH_STAGING_KV_ID', cloudflare.namespaces.get('openai-api-cache-staging') ?? '');
}

describe('npm run staging:up', { timeout: 120_000 }, () => {
  it('creates what is missing, goes on where a run failed half-way, and then does nothing more', async () => {
    bindBucket('ledger-staging');
    const texts = FILES.map(project.read);
    for (const queue of QUEUES.slice(2)) cloudflare.queues.set(queue, { queue_id: queue, consumers: [] });
    cloudflare.fail = /^POST \/queues$/;
    const failed = await stagingUp('--yes');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/^A request to the Cloudflare API .+ failed\. Not now \[code: 10000\]\n$/m);
    expect(failed.stderr).not.toMatch(/^ +at /m);
    expect(cloudflare.databases.size).toBe(1);
    expect(cloudflare.queues.size).toBe(4);

    // As after a run that was killed before it could write down an id.
    const id = cloudflare.databases.get('openai-api-staging')?.uuid ?? '';
    for (const file of FILES) replace(file, id, 'REPLACE_WITH_STAGING_D1_ID');
    cloudflare.fail = null;
    cloudflare.calls.length = 0;
    const next = await stagingUp('--yes');
    expect(next.code, next.stderr).toBe(0);
    expect(next.stdout).toContain('# only its id in the wrangler files: openai-api-staging');
    expect(cloudflare.calls).not.toContain('POST /d1/database');
    expect(cloudflare.calls.filter((call) => call === 'POST /queues')).toHaveLength(2);
    expect([...cloudflare.databases.keys()]).toEqual(['openai-api-staging']);
    expect([...cloudflare.namespaces.keys()]).toEqual(['openai-api-cache-staging']);
    expect([...cloudflare.queues.keys()].toSorted()).toEqual(QUEUES.toSorted());
    expect([...cloudflare.buckets]).toEqual(['ledger-staging']);
    expect(FILES.map(project.read)).toEqual(texts.map(withIds));
    const database = cloudflare.databases.get('openai-api-staging')?.sqlite;
    expect(database?.prepare('SELECT subject FROM rate_limits').all()).toHaveLength(4);
    expect(next.stdout).toContain('npx wrangler secret put OPENROUTER_API_KEY --env staging -c wrangler.api.toml');
    expect(next.stdout).toContain('wrangler.api.toml: ALLOWED_ORIGINS = "REPLACE_WITH_YOUR_ORIGINS"');
    expect(next.stdout).toContain('npm run deploy:staging');

    cloudflare.calls.length = 0;
    const last = await project.run('staging-up', [], { FORCE_COLOR: '1' });
    expect(last.code, last.stderr).toBe(0);
    expect(last.stdout).toMatch(/^staging has all its resources\n/);
    expect(writes(cloudflare.calls)).toEqual([]);
    expect(FILES.map(project.read)).toEqual(texts.map(withIds));
  });

  it('stops at an id in the wrangler files that the account does not have', async () => {
    replace('wrangler.api.toml', 'REPLACE_WITH_STAGING_D1_ID', 'd1-of-another-account');
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
