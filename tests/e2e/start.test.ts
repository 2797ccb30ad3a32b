import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareLocalDatabase } from '../../scripts/local-state.ts';
import { eventually } from '../support/eventually.ts';
import { end, freePort, type Started, start, untilReady } from '../support/start.ts';

const HELLO = [{ role: 'user' as const, content: 'Hello' }];

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

describe('npm start', () => {
  let stateDir: string;
  let port: number;
  let started: Started;
  beforeAll(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'openai-api-'));
    port = await freePort();
    // Nobody listens there: what is sent there is lost.
    const posthog = { POSTHOG_API_KEY: 'phc_of_the_tests', POSTHOG_HOST: 'http://127.0.0.1:9' };
    started = start({ PORT: String(port), STATE_DIR: stateDir, ...posthog });
    await untilReady(started);
  });
  afterAll(async () => {
    await end(started);
    await rm(stateDir, { recursive: true, force: true });
  });

  const upstream = () => /simulated OpenRouter at (\S+)\/api\/v1/.exec(started.output())?.[1] ?? '';
  const client = () =>
    new OpenAI({ apiKey: 'sk-local-development', baseURL: `http://127.0.0.1:${port}/v1`, maxRetries: 0 });

  it('says where it answers, with which key, and what to paste', () => {
    expect(started.output()).toContain(`ready http://127.0.0.1:${port}/v1\nkey   sk-local-development\n`);
    expect(started.output().match(/^ {2}curl /gm)).toHaveLength(2);
  });

  it('streams to the official SDK, and shows the request in /usage within 10 s', async () => {
    const stream = await client().chat.completions.create({
      model: 'openai/gpt-5-mini',
      messages: HELLO,
      stream: true,
    });
    let chunks = 0;
    for await (const _ of stream) chunks += 1;
    expect(chunks).toBeGreaterThan(20);
    const usage = await eventually(async () => {
      const response = await fetch(`http://127.0.0.1:${port}/usage`, {
        headers: { authorization: 'Bearer sk-local-development' },
      });
      const body = (await response.json()) as { total: { requests: number; cost_nano_usd: number } };
      return body.total.requests > 0 ? body : null;
    }, 10_000);
    expect(usage.total.cost_nano_usd).toBeGreaterThan(0);
  });

  it('sends analytics of what is simulated to a simulated PostHog, and says so', async () => {
    expect(started.output()).toContain(`${upstream()}/api/v1, and analytics go to a simulated PostHog there\n`);
    const { events } = await eventually(async () => {
      const got = (await (await fetch(`${upstream()}/sim/posthog`)).json()) as { events: { event: string }[] };
      return got.events.length > 0 ? got : null;
    });
    expect(events.map(({ event }) => event)).toContain('$ai_generation');
  });

  it('lets the upstream know within a second that a client has left', async () => {
    const sim = { sim: { gap_ms: 50, chunks: 400 } };
    const request = { model: 'sim/slow-reader', messages: HELLO, stream: true as const, ...sim };
    const stream = await client().chat.completions.create(request);
    let chunks = 0;
    for await (const _ of stream) if (++chunks === 5) break;
    const leftAt = Date.now();
    const entry = await eventually(async () => {
      const ledger = (await (await fetch(`${upstream()}/sim/ledger`)).json()) as {
        requests: { requested_model: string; cancelled: boolean; chunks_sent: number }[];
      };
      return ledger.requests.find((one) => one.requested_model === 'sim/slow-reader' && one.cancelled) ?? null;
    });
    console.log(
      JSON.stringify({
        e2e: 'client left',
        upstream_knew_after_ms: Date.now() - leftAt,
        chunks_sent: entry.chunks_sent,
      }),
    );
    expect(Date.now() - leftAt).toBeLessThan(1_000);
    expect(entry.chunks_sent).toBeLessThan(50);
  });

  it('says in one line that its port is in use', async () => {
    const second = start({ PORT: String(port), STATE_DIR: stateDir });
    const [code] = await once(second.child, 'exit');
    expect(code).toBe(1);
    expect(second.output().trim()).toBe(`Port ${port} is in use: choose another, as in PORT=8790 npm start.`);
  });

  it('says why when the workers do not start', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'openai-api-'));
    const config = join(folder, 'wrangler.api.toml');
    await writeFile(config, (await readFile('wrangler.api.toml', 'utf8')).replace('index.ts', 'nowhere.ts'));
    const failing = start({ PORT: String(await freePort()), STATE_DIR: folder, WRANGLER_CONFIGS: config });
    const [code] = await once(failing.child, 'exit');
    expect(code).toBe(1);
    expect(failing.output()).toMatch(
      /\nThe development server ended before it was ready\. .+api-worker\/nowhere\.ts.* was not found.*\n$/,
    );
    await rm(folder, { recursive: true });
  });

  it('says in one line what is wrong with the schema', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'openai-api-'));
    const bad = join(folder, 'schema.sql');
    await writeFile(bad, 'CREATE TABEL users;');
    await expect(prepareLocalDatabase(folder, bad)).rejects.toThrow(
      `Cannot apply ${bad}: near "TABEL": syntax error at offset`,
    );
    await expect(prepareLocalDatabase(folder, join(folder, 'none.sql'))).rejects.toThrow('none.sql: ENOENT');
    await rm(folder, { recursive: true });
  });

  it('says in one line that its database is of another schema, and leaves it as it is', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'openai-api-'));
    await prepareLocalDatabase(folder);
    await prepareLocalDatabase(folder);
    const newer = join(folder, 'schema.sql');
    await writeFile(newer, `${await readFile('schema.sql', 'utf8')}\n-- newer\n`);
    await expect(prepareLocalDatabase(folder, newer)).rejects.toThrow(`${folder} was made by another version of`);
    await rm(folder, { recursive: true });
  });

  it('ends with all its children on Ctrl-C', async () => {
    const simulated = upstream();
    expect(await answers(simulated)).toBe(true);
    started.child.kill('SIGINT');
    const [code] = await once(started.child, 'exit');
    expect(code).toBe(0);
    expect(await answers(`http://127.0.0.1:${port}/health`)).toBe(false);
    expect(await answers(simulated)).toBe(false);
  });
});
