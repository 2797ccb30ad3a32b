import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_KEY } from '../../scripts/local-state.ts';
import { sha256Hex } from '../../shared/ids.ts';
import { storeDeadLetters } from '../support/dead-letter.ts';
import { ARCHIVE } from '../support/endpoints.ts';
import { putArchive } from '../support/ledger-archive.ts';
import { type Block, markdownFiles } from '../support/markdown.ts';
import { type System, startSystem } from '../support/system.ts';
import { unknownToWrangler } from '../support/wrangler-commands.ts';

const NPM = JSON.parse(readFileSync('package.json', 'utf8')).scripts as Record<string, string>;

/** A line of an `sh` block: what people are told to type. */
interface Command {
  /** Without the comment behind it. */
  text: string;
  where: string;
  /** It says so itself, or the text above its block does. */
  needsAccount: boolean;
}

const ACCOUNT = /\bneeds an? (?:Cloudflare )?account\b/i;
const COMMENT = /\s+#\s.*$/;

const DOCUMENTS = markdownFiles('README.md', 'docs/**/*.md');
const COMMANDS = DOCUMENTS.flatMap(({ path, blocks }) =>
  blocks.filter(({ language }) => language === 'sh').flatMap((block) => commandsOf(path, block)),
);

function commandsOf(path: string, { lines, line, before }: Block): Command[] {
  return lines.flatMap((text, n) => {
    if (text.trim() === '' || text.startsWith('#')) return [];
    const needsAccount = ACCOUNT.test(COMMENT.exec(text)?.[0] ?? '') || ACCOUNT.test(before);
    return [{ text: text.replace(COMMENT, '').trim(), where: `${path}:${line + n}`, needsAccount }];
  });
}

/**
 * Commands that take too long to be run here, or leave something behind: a test that runs the same program, in a short
 * form, and words of that test that show it.
 */
const ELSEWHERE: readonly [command: RegExp, file: string, words: string][] = [
  [/^npm ci && npm start$/, 'tests/e2e/start.test.ts', "describe('npm start'"],
  [/^npm ci && npm test$/, '.ci/run', '\nnpm test\n'],
  [/^npm run chaos( -- --seed \d+ --requests \d+)?$/, 'tests/e2e/chaos-billing.test.ts', "'tests/chaos/billing.ts'"],
  [/^npm run chaos:upstream$/, 'tests/e2e/chaos-upstream.test.ts', "'tests/chaos/upstream.ts'"],
  // Another scenario of the same program, in seconds instead of minutes.
  [/^npm run load -- average$/, 'tests/e2e/load.test.ts', "npmRun('run', ['smoke'])"],
];

/** Commands that no test runs, and why. Their programs are there, and type-checked. */
const BY_HAND: readonly [command: RegExp, why: string][] = [
  [/^npm run bench$/, 'a quarter of an hour; two of its three parts have tests: bench-ledger, bench-memory'],
  [/^npm run bench:relay$/, 'five minutes, of a machine that does nothing else'],
  [/^npm run bench -- --plot$/, 'draws into docs/'],
];

/** Commands that speak to no system. */
const AS_IT_IS = /^npm run (?:build|[\w:-]+ -- --help|staging:up -- --dry-run)$/;
const BY_SCRIPT = /^npm run (?:keys|dead-letters|rerate|ledger) -- /;
const CURL = spawnSync('curl', ['--version']).status === 0;
const BY_CURL = /^curl -s .*http:\/\/127\.0\.0\.1:8787\//;

const runHere = (text: string) => AS_IT_IS.test(text) || BY_SCRIPT.test(text) || BY_CURL.test(text);
const elsewhere = (text: string) => ELSEWHERE.find(([command]) => command.test(text));
const byHand = (text: string) => BY_HAND.find(([command]) => command.test(text));

describe('commands of the documentation', () => {
  it('are all run by a test, or say that they need an account', () => {
    const open = COMMANDS.filter(
      ({ text, needsAccount }) => !needsAccount && !runHere(text) && !elsewhere(text) && !byHand(text),
    );
    // What is listed here is to be run by this file, named in ELSEWHERE with its test, or marked `# needs an account`.
    expect(open.map(({ where, text }) => `${where} ${text}`)).toEqual([]);
    expect(COMMANDS.length).toBeGreaterThan(30);
  });

  it('that a test elsewhere runs are run there', () => {
    for (const [command, file, words] of ELSEWHERE) {
      expect(readFileSync(file, 'utf8'), `${file} for ${command}`).toContain(words);
      expect(
        COMMANDS.some(({ text }) => command.test(text)),
        `${command} is in the documentation`,
      ).toBe(true);
    }
    for (const [command] of BY_HAND) {
      expect(
        COMMANDS.some(({ text }) => command.test(text)),
        `${command} is in the documentation`,
      ).toBe(true);
    }
  });

  it('that nobody runs begin a program that is there', () => {
    for (const { text } of COMMANDS.filter((one) => byHand(one.text))) {
      const program = /^node (\S+)/.exec(NPM[/^npm run ([\w:-]+)/.exec(text)?.[1] ?? ''] ?? '')?.[1] ?? text;
      expect(() => readFileSync(program), text).not.toThrow();
    }
  });
});

describe('commands that need an account', () => {
  const marked = COMMANDS.filter(({ needsAccount }) => needsAccount);

  it('are wrangler’s, or scripts that reach a deployed system', () => {
    const remote = /\bnpx wrangler |^npm run (?:db:apply|deploy):|^npm run (?:keys -- bootstrap|staging:up)|https:\/\//;
    expect(marked.filter(({ text }) => !remote.test(text)).map(({ where, text }) => `${where} ${text}`)).toEqual([]);
  });

  it('of npm are scripts', () => {
    const names = marked.flatMap(({ text }) => [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name));
    expect(names.filter((name) => NPM[name] === undefined)).toEqual([]);
  });

  it('of wrangler, typed or behind a script, are known to it, with their options', () => {
    const lines = [
      ...marked,
      ...DOCUMENTS.flatMap(({ path, codes }) => codes.map((text) => ({ where: path, text }))),
      ...Object.entries(NPM).map(([name, text]) => ({ where: `npm run ${name}`, text })),
    ];
    expect(lines.flatMap(({ where, text }) => unknownToWrangler(text).map((what) => `${where}: ${what}`))).toEqual([]);
    expect(unknownToWrangler('npx wrangler d1 rewind DB; wrangler tail --colour')).toEqual([
      'wrangler d1 rewind',
      'wrangler tail --colour',
    ]);
  });
});

describe('on a system, with its address in place of npm start’s', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
    await system.db.batch([
      system.db.prepare("INSERT INTO users (id, name, created_at) VALUES ('local', 'local', 0), ('ada', 'ada', 0)"),
      system.db
        .prepare(
          `INSERT INTO api_keys (id, user_id, key_hash, name, permissions, created_at)
           VALUES ('key_local', 'local', ?1, 'npm start', '["read","write","admin"]', 0)`,
        )
        .bind(await sha256Hex(LOCAL_KEY)),
    ]);
    await putArchive(system.db, system.bucket);
  });
  afterAll(() => system.stop());

  /** Each once, with all places where it stands. */
  const here = [
    ...Map.groupBy(
      COMMANDS.filter(({ text, needsAccount }) => !needsAccount && runHere(text)),
      ({ text }) => text,
    ),
  ].map(([text, places]) => [text, places.map(({ where }) => where).join(', ')] as const);

  for (const [text, places] of here) {
    const lacksCurl = BY_CURL.test(text) && !CURL;
    const name = `${text} (${places})${lacksCurl ? ' (skipped, there is no curl)' : ''}`;
    it.skipIf(lacksCurl)(name, { timeout: 120_000 }, async () => {
      const { code, stdout, output } = await sh(await asTyped(text));
      expect(code, output).toBe(0);
      if (BY_CURL.test(text)) expect(JSON.parse(stdout)).not.toHaveProperty('error');
    });
  }

  /** The command with names of what is there in place of its placeholders; where a person would be asked, it says yes. */
  async function asTyped(text: string): Promise<string> {
    let command = text.replaceAll('http://127.0.0.1:8787', system.origin);
    if (!AS_IT_IS.test(text) && BY_SCRIPT.test(text)) command += ` --url ${system.origin}`;
    if (/ (?:replay|discard) --all/.test(text) && !text.includes('--dry-run')) command += ' --yes';
    if (/\bKEY_ID\b/.test(text)) command = command.replace('KEY_ID', await newKey());
    if (/ ID\b/.test(text)) command = command.replace(' ID', ` ${(await storeDeadLetters(system.db, [{}]))[0]}`);
    return command.replace('OBJECT', ARCHIVE);
  }

  async function newKey(): Promise<string> {
    const response = await fetch(`${system.origin}/admin/users/local/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${LOCAL_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'of the documentation' }),
    });
    return ((await response.json()) as { id: string }).id;
  }

  it('docs/api.md has every endpoint of /openapi.json, and no other', async () => {
    const { paths } = (await (await fetch(`${system.origin}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, unknown>>;
    };
    const served = Object.entries(paths).flatMap(([path, methods]) =>
      // The pages' own scripts and styles are of no use to a client.
      /\.(?:js|css)$/.test(path) ? [] : Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const api = DOCUMENTS.find(({ path }) => path === 'docs/api.md');
    const told = (api?.tables ?? []).flatMap(({ rows }) =>
      rows.flatMap(([cell = '']) =>
        [...cell.matchAll(/`([A-Z, ]+) (\/\S*)`/g)].flatMap(([, methods = '', path]) =>
          methods.split(', ').map((method) => `${method} ${path}`),
        ),
      ),
    );
    expect(told.toSorted()).toEqual(served.toSorted());
  });
});

/** Runs a line as a shell does that was told to find this project's Node and programs first. */
async function sh(line: string): Promise<{ code: number | null; stdout: string; output: string }> {
  const child = spawn('sh', ['-c', line], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', ADMIN_KEY: '', WRANGLER_SEND_METRICS: 'false' },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, output: `${line}\n${stdout}${stderr}` };
}
