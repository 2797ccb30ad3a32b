import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AdminApi } from '../../scripts/admin-api.ts';
import { LOCAL_KEY } from '../../scripts/local-state.ts';
import { runScript } from '../support/script.ts';

/** What the Admin API answers; the rest of it is a 200. */
interface Answer {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
}

/** A system of which the test says what it answers, call after call, and what it was asked. */
let server: Server;
let url: string;
let asked: { call: string; key: string | undefined; body: Record<string, unknown> | null }[];
let answers: Answer[];
beforeEach(async () => {
  [asked, answers] = [[], []];
  server = createServer(async (request, response) => {
    const body = await textOf(request);
    asked.push({
      call: `${request.method} ${request.url}`,
      key: request.headers.authorization?.replace('Bearer ', ''),
      body: body === '' ? null : JSON.parse(body),
    });
    const { status = 200, headers = {}, body: answer = {} } = answers.shift() ?? { status: 500 };
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  vi.restoreAllMocks();
  server.close();
});

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

/** `npm run NAME -- …` against the system. */
function run(name: string, ...args: string[]) {
  return runScript(name, url, args, { ADMIN_KEY: 'sk-admin' });
}

const away: Answer = { status: 503, headers: { 'retry-after': '0' }, body: { error: { message: 'away' } } };
const broken: Answer = { status: 500, body: { error: { message: 'It broke.' } } };

describe('a call of the Admin API', () => {
  it.each([
    ['GET', '/admin/keys'],
    ['POST', '/admin/dead-letters/replay'],
    ['POST', '/admin/dead-letters/discard'],
    ['POST', '/admin/rerate'],
    ['POST', '/admin/ledger-archives/a%2Fb/restore'],
  ])('is made again while the system says that something is away: %s %s', async (method, path) => {
    answers = [away, away, { body: { done: true } }];
    expect(await new AdminApi(url, 'k').send(method, path)).toEqual({ done: true });
    expect(asked.map(({ call }) => call)).toEqual(Array(3).fill(`${method} ${path}`));
  });

  it('is not made for ever', async () => {
    answers = Array(10).fill(away);
    await expect(new AdminApi(url, 'k').send('GET', '/admin/keys')).rejects.toThrow('away');
    expect(asked).toHaveLength(6);
  });

  it.each([
    ['POST', '/admin/users/ada/keys'],
    ['POST', '/admin/keys/key_1/rotate'],
    ['POST', '/admin/prices'],
  ])('is made once where a second would do more: %s %s', async (method, path) => {
    answers = [away, {}];
    await expect(new AdminApi(url, 'k').send(method, path)).rejects.toThrow('away');
    expect(asked).toHaveLength(1);
  });

  it('takes ADMIN_KEY nowhere but to the system that --url names', async () => {
    answers = [{}, {}];
    await new AdminApi(url, 'sk-admin').send('GET', '/');
    await new AdminApi(url, undefined).send('GET', '/');
    expect(asked.map(({ key }) => key)).toEqual(['sk-admin', LOCAL_KEY]);

    const fetched = vi.spyOn(globalThis, 'fetch').mockResolvedValue(Response.json({}));
    await new AdminApi(undefined, 'sk-production').send('GET', '/');
    expect(fetched).toHaveBeenCalledWith(
      new URL('http://127.0.0.1:8787/'),
      expect.objectContaining({ headers: { authorization: `Bearer ${LOCAL_KEY}` } }),
    );
  });
});

describe('npm run dead-letters -- replay --all', () => {
  const stuck = { count: 3, oldest_at: 1, unbilled_nano_usd: 3_000, unbilled_usd: '0.000003000' };
  const summary = (headers = {}): Answer => ({ headers, body: { stuck } });
  const page = (id: string, has_more: boolean): Answer => ({
    body: {
      data: [{ id, queue: 'q', request_id: null, cost_nano_usd: 1_000, outcome: 'will_be_billed', why: null }],
      ...{ has_more, last_id: id },
    },
  });

  it.each([
    ['now, by the clock of the system', [], '2020-01-01T00:00:01.000Z'],
    ['now, though a later time is given', ['--to', '2099-01-01'], '2020-01-01T00:00:01.000Z'],
    ['the time given, if it is past', ['--to', '2019-12-31'], '2019-12-31'],
  ])('ends with what was sent before %s', async (_, args, to) => {
    answers = [summary({ date: 'Wed, 01 Jan 2020 00:00:00 GMT' }), page('a', true), page('b', false), summary()];
    expect((await run('dead-letters', 'replay', '--all', '--yes', ...args)).code).toBe(0);
    const filter = { to };
    expect(asked.flatMap(({ body }) => body ?? [])).toEqual([
      { filter, after: '', dry_run: false },
      { filter, after: 'a', dry_run: false },
    ]);
  });

  it('tells what is done when the rest fails, and how to go on', async () => {
    answers = [summary(), page('a', true), page('b', true), broken];
    const { code, stdout, stderr } = await run('dead-letters', 'replay', '--all', '--yes');
    expect(code).toBe(1);
    expect(stdout).toContain('2 will be billed, $0.000002000');
    expect(stderr).toMatch(/It broke\.\nThe run ended there, after 2\. The rest: the same with --after b\n$/);

    answers = [summary(), page('c', false), summary()];
    expect((await run('dead-letters', 'replay', '--all', '--yes', '--after', 'b')).code).toBe(0);
    expect(asked.at(-2)?.body).toMatchObject({ after: 'b' });
  });

  it('tells programs as JSON what is done', async () => {
    answers = [summary(), page('a', true), broken];
    const { code, stdout, stderr } = await run('dead-letters', 'replay', '--all', '--yes', '--json');
    expect([code, JSON.parse(stdout)]).toEqual([1, [expect.objectContaining({ id: 'a' })]]);
    expect(stderr).toContain('--after a');
  });
});

it('npm run rerate tells what is written when the rest fails, and how to go on', async () => {
  const sums = { attempts: 500, changed: 2, without_price: 0, before_nano_usd: 0, after_nano_usd: 7 };
  const rerated = { from: '2026-11-01', to: '2026-12-01', ...sums, difference_nano_usd: 7, models: [], archives: 0 };
  const page = (next: string | null): Answer => ({ body: { ...rerated, next } });
  answers = [page('x.0'), page(null), page('x.0'), broken];
  const period = ['--from', '2026-11-01', '--to', '2026-12-01', '--apply'];
  const { code, stdout, stderr } = await run('rerate', ...period);
  expect(code).toBe(1);
  expect(stdout).toMatch(/\nwritten: 2 corrections, \+\$0\.000000007\n$/);
  expect(stderr).toMatch(
    /It broke\.\nThe run ended there, after 500 attempts\. The rest: the same with --after x\.0\n$/,
  );

  answers = [page(null), page(null)];
  expect((await run('rerate', ...period, '--after', 'x.0')).code).toBe(0);
  expect(asked.slice(-2).map(({ body }) => body?.after)).toEqual(['x.0', 'x.0']);
});

it('npm run ledger tells what is restored when the rest fails, and what is not', async () => {
  const archive = { id: 'a', state: 'restored', rows: 1, cost_nano_usd: 5, archived_at: 0, restored_until: 86_400 };
  answers = [{ body: archive }, broken];
  const { code, stdout, stderr } = await run('ledger', 'restore', 'a', 'b', 'c');
  expect(code).toBe(1);
  expect(stdout).toMatch(/restored until 1970-01-02 +a\n$/);
  expect(stderr).toMatch(/It broke\.\nNot restored: b c\n$/);
});
