import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findK6 } from '../../load/k6.ts';
import { uuidv7 } from '../../shared/ids.ts';
import { eventually } from '../support/eventually.ts';
import { runProgram } from '../support/script.ts';

/** `npm run load`, or `load:audit`, without npm. */
function npmRun(script: 'run' | 'audit', args: readonly string[], env: Record<string, string> = {}) {
  // Vitest has a BASE_URL of its own.
  return runProgram(`load/${script}.ts`, args, { BASE_URL: '', PROFILE: 'ci', ...env });
}

describe('npm run load', () => {
  it('says in one line that there is no k6, and nothing to install it with', async () => {
    const nowhere = '/nonexistent';
    const { code, stdout, stderr } = await npmRun('run', ['smoke'], { PATH: nowhere, GOBIN: '', GOPATH: nowhere });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^k6 is neither on the PATH nor .+\n$/);
  });

  it('lists the scenarios for a name that it does not know, and in its help', async () => {
    const { code, stderr } = await npmRun('run', ['avarage']);
    expect(code).toBe(1);
    expect(stderr).toContain("There is no scenario 'avarage'. There are: smoke, average, stream, spike, soak, limits.");
    expect((await npmRun('run', ['--help'])).stdout).toMatch(/^ {2}average +ordinary load/m);
  });
});

/** A counter in k6's summary. */
function countOf(summary: string, counter: string): number {
  return Number(new RegExp(`^ *${counter}\\.*: (\\d+) `, 'm').exec(summary)?.[1]);
}

/** Answers as a gateway whose upstream tells no times: the first request properly, all others by a 500. */
async function failingSystem(): Promise<string> {
  let requests = 0;
  const server: Server = createServer((request, response) => {
    request.resume();
    requests += 1;
    response.writeHead(requests === 1 ? 200 : 500, { 'content-type': 'application/json', 'x-request-id': uuidv7() });
    response.end(requests === 1 ? '{"choices":[{"finish_reason":"stop"}]}' : '{"error":{"message":"broken"}}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

// It is not the tests' business to build k6: .ci/run does.
describe.skipIf(findK6() === null)(
  'npm run load with k6 (skipped where it is not installed)',
  { timeout: 180_000 },
  () => {
    const RIGHT = {
      requests: expect.toSatisfy((requests: number) => requests > 30),
      failed_rate: 0,
      added_p95_ms: expect.toSatisfy((ms: number) => ms > 0),
      ledger_missing: 0,
      ledger_doubled: 0,
    };

    it('smoke: all is answered, all is in the ledger, and can be looked at again', async () => {
      const { code, stdout, stderr, last } = await npmRun('run', ['smoke']);
      console.log(last);
      expect(code, stdout + stderr).toBe(0);
      expect(JSON.parse(last)).toEqual({ load: 'smoke', ...RIGHT });

      const audit = await npmRun('audit', []);
      expect(audit.code, audit.stderr).toBe(0);
      expect(JSON.parse(audit.last)).toEqual({
        audit: 'load',
        load: 'smoke',
        successes: expect.toSatisfy((successes: number) => successes > 30),
        ledger_missing: 0,
        ledger_doubled: 0,
        rollup_mismatches: 0,
      });
    });

    it('limits: one key is refused in due form, and nobody else notices', async () => {
      const { code, stdout, stderr, last } = await npmRun('run', ['limits']);
      console.log(last);
      expect(code, stdout + stderr).toBe(0);
      expect(JSON.parse(last)).toEqual({ load: 'limits', ...RIGHT });
      // 60 a minute are granted, and of those of the minute before a fifth is forgotten in twelve seconds.
      const letIn = countOf(stdout, 'limited_let_in');
      expect(letIn).toBeGreaterThanOrEqual(60);
      expect(letIn).toBeLessThanOrEqual(75);
      expect(countOf(stdout, 'limited_refused')).toBeGreaterThan(30);
    });

    it('interrupted, it sums up and audits what was done, and takes nothing that was cut off for doubled', async () => {
      const begun = spawn(process.execPath, ['load/run.ts', 'soak'], {
        env: { ...process.env, BASE_URL: '', PROFILE: 'ci', NO_COLOR: '1', SOAK_DURATION: '10m' },
        // A group of its own, all of which is sent the signal: so does a terminal at Ctrl-C.
        detached: true,
      });
      let [stdout, stderr] = ['', ''];
      begun.stdout.on('data', (chunk) => (stdout += chunk));
      begun.stderr.on('data', (chunk) => (stderr += chunk));
      const closed = once(begun, 'close');
      onTestFinished(async () => {
        begun.kill('SIGTERM');
        await closed;
      });
      const log = 'load/results/soak.requests.log';
      rmSync(log, { force: true });
      await eventually(
        async () => (existsSync(log) && readFileSync(log, 'utf8').split('\n').length > 40) || null,
        120_000,
      );
      process.kill(-(begun.pid ?? 0), 'SIGINT');
      const [code] = await closed;
      const last = stdout.trimEnd().split('\n').at(-1) ?? '';
      console.log(last, stderr);
      expect(code, stdout + stderr).toBe(1);
      expect(stderr).toContain('k6 was interrupted');
      expect(JSON.parse(last)).toEqual({
        load: 'soak',
        ...RIGHT,
        failed_rate: expect.any(Number),
        requests: expect.toSatisfy((requests: number) => requests > 10),
        // What was cut off may have been answered all the same.
        ledger_doubled: expect.toBeOneOf([0, null]),
      });
    });

    it('fails when a threshold is crossed', async () => {
      const env = { BASE_URL: await failingSystem(), API_KEY: 'sk-any' };
      const { code, stderr, last } = await npmRun('run', ['smoke', '--no-audit'], env);
      expect(code).toBe(1);
      expect(stderr).toContain('Failed: 500');
      expect(stderr).toContain('what the gateway adds is only its own word');
      expect(JSON.parse(last)).toEqual({
        load: 'smoke',
        requests: expect.any(Number),
        failed_rate: 1,
        added_p95_ms: null,
        ledger_missing: null,
        ledger_doubled: null,
      });
    });
  },
);
