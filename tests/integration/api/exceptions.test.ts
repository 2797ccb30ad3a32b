import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../../api-worker/env.ts';
import { ExceptionReport } from '../../../shared/exception-report.ts';
import { applySchema, call, createKey, env, errorOf, HELLO } from './support.ts';

const SECRET = 'sk-quoted-in-a-message';
/** A database in which there is an error that nobody thought of. */
const DB = new Proxy(env.DB, {
  get() {
    return () => {
      throw new TypeError(`${SECRET}\n    at ${SECRET} (/srv/${SECRET}.ts:1:1)`, { cause: SECRET });
    };
  },
});

const sent: unknown[] = [];
const ANALYTICS_QUEUE = { send: async (message: unknown) => void sent.push(message) } as unknown as Queue;
const ON = { ANALYTICS_QUEUE, POSTHOG_API_KEY: 'phc_of_the_tests' };

let key: string;
beforeAll(async () => {
  await applySchema();
  key = await createKey('unlucky');
  // From here on the key is known without the database.
  await call('/usage', { key });
});
beforeEach(() => {
  sent.length = 0;
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
});

function fail(changed: Partial<Env>) {
  return call('/usage?group_by=model', { key, env: { DB, ...changed } });
}

describe('a failure that nobody expected', () => {
  it('is told to error tracking, without anything that its message may quote', async () => {
    const answer = await fail(ON);
    expect([answer.status, errorOf(answer).code]).toEqual([500, 'internal_error']);
    expect(sent).toHaveLength(1);
    const report = ExceptionReport.parse(sent[0]);
    expect(report).toMatchObject({
      worker: 'api',
      path: '/usage',
      request_id: answer.headers.get('x-request-id'),
      thrown: [
        { type: 'TypeError', message: null },
        { type: 'thrown string', message: null, frames: [] },
      ],
    });
    expect(report.thrown[0]?.frames).toContainEqual(expect.objectContaining({ file: 'api-worker/routes/usage.ts' }));
    expect(JSON.stringify(report)).not.toContain(SECRET);
  });

  it('is told nowhere where analytics are off', async () => {
    expect((await fail({ ANALYTICS_QUEUE, POSTHOG_API_KEY: undefined as unknown as string })).status).toBe(500);
    expect(sent).toEqual([]);
  });

  it('is answered as ever when it cannot be told', async () => {
    const broken = { send: () => Promise.reject(new Error('no queue')) } as unknown as Queue;
    const answer = await fail({ ...ON, ANALYTICS_QUEUE: broken });
    expect([answer.status, errorOf(answer).code]).toEqual([500, 'internal_error']);
  });
});

/** A database whose queries fail. */
function failing(message: string): D1Database {
  const all = () => Promise.reject(new Error(message));
  return { prepare: () => ({ bind: () => ({ all }) }) } as unknown as D1Database;
}

it.each(['D1_ERROR: Network connection lost.', 'D1_ERROR: D1 DB is overloaded. Requests queued for too long.'])(
  'what a client is told of is no such failure: %s',
  async (message) => {
    const refused = await call('/usage?start=never', { key, env: ON });
    expect(refused.status).toBe(400);
    expect((await call('/usage', { key, env: { ...ON, DB: failing(message) } })).status).toBe(503);
    expect(sent).toEqual([]);
  },
);

it('a statement of ours that D1 does not take is one, though a client is told of a 503', async () => {
  const message = `D1_ERROR: no such column: ${SECRET}`;
  const answer = await call('/usage', { key, env: { ...ON, DB: failing(message) } });
  expect([answer.status, errorOf(answer).code]).toEqual([503, 'service_unavailable']);
  expect(sent).toEqual([expect.objectContaining({ path: '/usage', request_id: answer.headers.get('x-request-id') })]);
  expect(ExceptionReport.parse(sent[0]).thrown).toMatchObject([{ type: 'Error', message: null }]);
  expect(JSON.stringify(sent)).not.toContain(SECRET);
});

it('an upstream that fails is none', async () => {
  const body = JSON.stringify({ ...HELLO, sim: { fault: 'status-500' } });
  const headers = { 'content-type': 'application/json', 'x-gateway-fallback': 'false' };
  const changed = { ...ON, UPSTREAM_RETRIES: '0' };
  expect((await call('/v1/chat/completions', { method: 'POST', key, headers, body, env: changed })).status).toBe(503);
  expect(sent.filter((message) => (message as { kind?: string }).kind === 'exception')).toEqual([]);
});
