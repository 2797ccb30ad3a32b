import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  EXAMPLE_COMMANDS,
  EXAMPLE_ROW,
  EXAMPLE_WORDS,
  localLedgerRow,
  requestIdsIn,
  startForExamples,
} from '../support/examples.ts';
import { OPENAI_FOR_PYTHON, PYTHON } from '../support/python.ts';
import type { LocalSystem } from '../support/start.ts';

let system: LocalSystem;
beforeAll(async () => {
  system = await startForExamples();
}, 120_000);
afterAll(() => system.stop());

/** Runs a command of the examples' README at the project's root. */
async function run(command: string, key = system.key) {
  expect(EXAMPLE_COMMANDS).toContain(command);
  const child = spawn('sh', ['-c', command.replace(/^python3 /, `${PYTHON} `)], {
    env: {
      ...process.env,
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
      OPENAI_BASE_URL: `${system.origin}/v1`,
      OPENAI_API_KEY: key,
    },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

const TOOK = new RegExp(`^[1-9]\\d* tokens in, ${EXAMPLE_WORDS} out$`, 'm');

const curl = /^curl (\d+)\.(\d+)/.exec(spawnSync('curl', ['--version'], { encoding: 'utf8' }).stdout ?? '');
const curlIsThere = curl !== null && Number(curl[1]) * 1_000 + Number(curl[2]) >= 7_084;
if (!curlIsThere) console.log('Skipped: curl is not there or older than 7.84.');

describe.skipIf(!curlIsThere)('the example for curl', () => {
  it('shows an answer as JSON and as a stream, and the usage', async () => {
    const { code, stdout } = await run('sh docs/examples/curl.sh');
    expect(code).toBe(0);
    const [, json = '', stream = '', usage = ''] = stdout.split(/^== .*$/m).map((part) => part.split('\nx-req')[0]);
    expect(JSON.parse(json)).toMatchObject({ model: EXAMPLE_ROW.model, usage: { completion_tokens: EXAMPLE_WORDS } });
    expect(stream.match(/^data: \{/gm)?.length).toBeGreaterThanOrEqual(EXAMPLE_WORDS);
    expect(stream.trimEnd().endsWith('data: [DONE]')).toBe(true);
    expect(JSON.parse(usage)).toMatchObject({ object: 'usage', group_by: ['model'], limits: expect.anything() });
    const ids = requestIdsIn(stdout);
    expect(ids).toHaveLength(3);
    for (const id of ids.slice(0, 2)) expect(await localLedgerRow(system, 'request_id', id)).toMatchObject(EXAMPLE_ROW);
  });

  it('shows what is wrong, and fails', async () => {
    const { code, stdout } = await run('sh docs/examples/curl.sh', 'sk-nobody');
    expect(code).not.toBe(0);
    expect(stdout).toContain('"message":"Incorrect API key provided."');
    expect(requestIdsIn(stdout)).toHaveLength(1);
  });
});

describe.each([
  ['openai for Node', 'node docs/examples/openai.ts', true],
  ['openai for Python', 'python3 docs/examples/chat.py', OPENAI_FOR_PYTHON !== null],
])('the example for %s', (_, command, isThere) => {
  it.skipIf(!isThere)('prints an answer, what it took and its id', async () => {
    const { code, stdout } = await run(command);
    expect(code).toBe(0);
    const [text = '', told = ''] = stdout.split('\n\n');
    expect(text.split(' ')).toHaveLength(EXAMPLE_WORDS);
    expect(told).toMatch(TOOK);
    const [id, ...others] = requestIdsIn(told);
    expect(others).toEqual([]);
    expect(await localLedgerRow(system, 'request_id', id)).toMatchObject(EXAMPLE_ROW);
  });

  it.skipIf(!isThere)('prints what is wrong, and fails', async () => {
    const { code, stdout, stderr } = await run(command, 'sk-nobody');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/Incorrect API key provided\. \(code invalid_api_key, x-request-id [0-9a-f-]{36}\)\n$/);
  });
});

describe('the example for the AI SDK', () => {
  it('streams two turns, and brings the first answer along in the second', async () => {
    const { code, stdout } = await run('node docs/examples/ai-sdk.ts');
    expect(code).toBe(0);
    const [first = '', toldFirst = '', second = '', toldSecond = ''] = stdout.split('\n\n');
    for (const text of [first, second]) expect(text.split(' ')).toHaveLength(EXAMPLE_WORDS);
    for (const told of [toldFirst, toldSecond]) {
      expect(told).toMatch(TOOK);
      expect(await localLedgerRow(system, 'request_id', requestIdsIn(told)[0])).toMatchObject(EXAMPLE_ROW);
    }
    const { messages } = JSON.parse(system.upstream.account.lastBody()) as { messages: unknown[] };
    expect(messages).toHaveLength(3);
    expect(messages[1]).toEqual({ role: 'assistant', content: first });
  });
});

describe('the example for LangChain', () => {
  it('prints an answer, what it took and who gave it', async () => {
    const before = system.upstream.account.entries.length;
    const { code, stdout } = await run('node docs/examples/langchain.ts');
    expect(code).toBe(0);
    const [text = '', told = ''] = stdout.split('\n\n');
    expect(text.split(' ')).toHaveLength(EXAMPLE_WORDS);
    expect(told).toMatch(TOOK);
    expect(told).toContain(`\nby ${EXAMPLE_ROW.model}\n`);
    const [entry, ...others] = system.upstream.account.entries.slice(before);
    expect(others).toEqual([]);
    expect(await localLedgerRow(system, 'generation_id', entry?.generation_id)).toMatchObject({
      ...EXAMPLE_ROW,
      cost_nano_usd: entry?.cost_nano_usd,
    });
  });
});
