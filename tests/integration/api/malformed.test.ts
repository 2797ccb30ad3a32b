import { beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { app } from '../../../api-worker/app.ts';
import { type Malformed, malformedRequests } from './malformed-requests.ts';
import { applySchema, createKey, env } from './support.ts';

const COUNT = 10_000;
const SEED = 20_261_104;
/** At once. More are no faster, for they share one thread, and a stream among them gets its turn too seldom. */
const AT_ONCE = 4;
const ANSWERED_WITHIN_MS = 5_000;
/** What an answer costs that does not say is asked for up to 12 s. */
const DONE_WITHIN_MS = 20_000;

const UNBOUNDED = {
  requests_per_minute: 1e9,
  tokens_per_minute: 1e15,
  concurrent_requests: 1e6,
  requests_per_month: 1e12,
  tokens_per_month: 1e15,
};
const BUDGET = { budget_day_nano_usd: 1e15, budget_month_nano_usd: 1e15 };

/** What no client may be told. */
const SECRET = /sk-or-v1|sk-test-(?:writer|spender|operator)/;
const STACK = /\n\s+at |\.ts:\d+|node_modules|TypeError|RangeError|SyntaxError/;

const recorded = inject('recordedBodies');
const sources =
  recorded.length > 0 ? `and ${recorded.length} recorded ones` : 'no recorded ones: none in RECORDINGS_DIR';

let keys: Record<Exclude<Malformed['as'], null>, string>;
const loose: string[] = [];
const logged: string[] = [];
beforeAll(async () => {
  await applySchema();
  keys = {
    writer: await createKey('writer', { limits: UNBOUNDED }),
    spender: await createKey('spender', { limits: { ...UNBOUNDED, ...BUDGET } }),
    admin: await createKey('operator', { permissions: ['admin'], limits: UNBOUNDED }),
  };
  await createKey('victim');
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
  vi.spyOn(console, 'error').mockImplementation((line: string) => void logged.push(line));
  for (const name of ['setTimeout', 'setInterval'] as const) {
    const timer = globalThis[name] as (work: Work, ms?: number, ...args: unknown[]) => unknown;
    vi.stubGlobal(name, (work: Work, ms?: number, ...args: unknown[]) => timer(noting(work), ms, ...args));
  }
  addEventListener('unhandledrejection', ({ reason }) => void loose.push(`unhandled rejection: ${String(reason)}`));
});

type Work = (...args: unknown[]) => void;

/** What timers throw the runtime tells nobody but its own standard error. */
function noting(work: Work): Work {
  return (...args) => {
    try {
      work(...args);
    } catch (error) {
      loose.push(`uncaught exception: ${String(error)}`);
    }
  };
}

interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

/** What is wrong with an answer; null: nothing. */
function fault({ method }: Malformed, { status, headers, text }: Answer): string | null {
  if (status >= 500) return `status ${status}`;
  if (!headers.get('x-request-id')) return 'no x-request-id';
  if (SECRET.test(text)) return 'a secret';
  if (method === 'HEAD' || status === 204) return text === '' ? null : 'a body where none may be';
  if (status < 400) return isWhole(headers, text) ? null : 'no whole answer';
  const { error } = (parse(text) ?? {}) as { error?: Record<string, unknown> };
  if (Object.keys(error ?? {}).join() !== 'message,type,param,code') return 'not OpenAI’s envelope';
  if (typeof error?.message !== 'string' || error.message === '') return 'no message';
  if (typeof error.type !== 'string') return 'no type';
  if (![error.param, error.code].every((part) => part === null || typeof part === 'string')) return 'param or code';
  return STACK.test(error.message) ? 'a stack trace' : null;
}

/** Whether an answer came to its proper end, without an error on the way. */
function isWhole(headers: Headers, text: string): boolean {
  const type = headers.get('content-type') ?? '';
  if (type.startsWith('text/event-stream')) {
    const ends = /data: \[DONE\]\s*$|event: response\.(?:completed|incomplete)\s+data: .*\s*$/.test(text);
    return ends && !/^(?:data: \{"error"|event: (?:error|response\.failed))/m.test(text);
  }
  if (!type.startsWith('application/json')) return true;
  const body = parse(text) as { error?: unknown } | undefined;
  return body !== undefined && !body?.error;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The work, or what it was waiting for in words, where it fails or takes longer. */
async function within<T>(ms: number, work: Promise<T>, late: string): Promise<T | string> {
  const { promise: timeout, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(resolve, ms, late);
  try {
    return await Promise.race([work.catch((error: unknown) => `thrown: ${String(error)}`), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** The answer, once what the worker does after it is done, too; in words: there was none, or that went wrong. */
async function send(request: Malformed): Promise<{ answer: Answer | string; tookMs: number }> {
  const background: Promise<unknown>[] = [];
  const ctx = { waitUntil: (work: Promise<unknown>) => void background.push(work), passThroughOnException() {} };
  const sentAt = performance.now();
  const answer = await within(ANSWERED_WITHIN_MS, answered(request, ctx as ExecutionContext), 'no answer in time');
  const tookMs = performance.now() - sentAt;
  // What is added while it is waited for comes to its turn in the same loop.
  for (const work of background) {
    const wrong = await within(
      DONE_WITHIN_MS,
      work.then(() => ''),
      'its background work does not end',
    );
    if (wrong) return { answer: `${wrong}, after ${typeof answer === 'string' ? answer : answer.status}`, tookMs };
  }
  return { answer, tookMs };
}

async function answered({ method, path, headers, body, as }: Malformed, ctx: ExecutionContext): Promise<Answer> {
  const sent = new Headers();
  for (const [name, value] of headers) sent.set(name, value);
  if (as !== null && !sent.has('authorization')) sent.set('authorization', `Bearer ${keys[as]}`);
  const response = await app.request(path, { method, headers: sent, ...(body !== null && { body }) }, env, ctx);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** A request as a failure shows it. */
function shown({ method, path, headers, body, as }: Malformed): string {
  const text = body
    ? JSON.stringify(new TextDecoder().decode(body))
        .replace(/(.{1,5})\1{9,}/g, '$1…')
        .slice(0, 1_500)
    : 'no body';
  return `${method} ${path.slice(0, 200)} as ${as} ${JSON.stringify(headers).slice(0, 500)} ${text}`;
}

describe(`${COUNT} malformed requests, made of good ones of ours ${sources}`, () => {
  it('are each answered in time, with less than 500, in OpenAI’s envelope, telling no secrets', async () => {
    const requests = malformedRequests(COUNT, SEED, recorded);
    const byStatus: Record<string, number> = {};
    const failures: string[] = [];
    let slowest = 0;
    const queue = requests.values();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const request of queue) {
          const { answer, tookMs } = await send(request);
          slowest = Math.max(slowest, tookMs);
          const status = typeof answer === 'string' ? answer : String(answer.status);
          byStatus[status] = (byStatus[status] ?? 0) + 1;
          const late = tookMs > ANSWERED_WITHIN_MS ? `answered after ${Math.round(tookMs)} ms` : null;
          const why = typeof answer === 'string' ? answer : (fault(request, answer) ?? late);
          if (why === null) continue;
          const id = typeof answer === 'string' ? null : answer.headers.get('x-request-id');
          const lines = logged.filter((line) => id !== null && line.includes(id));
          failures.push(
            [why, shown(request), typeof answer === 'string' ? '' : answer.text.slice(0, 500), ...lines].join('\n'),
          );
        }
      }),
    );
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    console.log(
      JSON.stringify({ malformed: requests.length, seed: SEED, by_status: byStatus, slowest_ms: Math.round(slowest) }),
    );
    expect(failures.length === 0 ? [] : [`${failures.length} in all`, ...failures.slice(0, 25)]).toEqual([]);
    expect(loose).toEqual([]);
  }, 300_000);
});
