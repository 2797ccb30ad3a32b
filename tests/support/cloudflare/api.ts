import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type Storage, storage, storageRoutes } from './storage.ts';
import { type Script, scriptRoutes } from './workers.ts';

/** Of the account that all is in. */
const ACCOUNT_ID = '0123456789abcdef0123456789abcdef';

/** A request, as the routes see it. */
interface Call {
  method: string;
  /** Without the API's base and `/accounts/{id}`. */
  path: string;
  query: URLSearchParams;
  /** What the route's pattern leaves open, in order. */
  params: string[];
  body: Buffer;
  /** Where this API answers. */
  origin: string;
}

/** Routes by method and pattern, such as `GET /queues/(.+)`; what they return is the `result` of Cloudflare's envelope. */
export type Routes = Record<string, (call: Call) => unknown>;

/** What Cloudflare refuses. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A stand-in for Cloudflare's API, as far as the wrangler commands go that are run here. */
export interface FakeCloudflare extends Storage {
  scripts: Map<string, Script>;
  /** What was asked, such as `POST /queues`, in order. */
  calls: string[];
  /** From now on, calls that match are refused; null: none. */
  fail: RegExp | null;
  /** Is told of each call when it comes. */
  onCall: ((call: string) => void) | null;
  /** What wrangler needs in its environment to take it for Cloudflare. */
  env: Record<string, string>;
  close(): void;
}

/** Calls that change something. D1 and metrics are queried by POST, too. */
export function writes(calls: readonly string[]): string[] {
  return calls.filter((call) => !/^(?:GET |POST \/d1\/database\/[^/]+\/query$|POST \/graphql$)/.test(call));
}

/** Starts an account with nothing in it. */
export async function fakeCloudflare(): Promise<FakeCloudflare> {
  const stored = storage();
  const scripts = new Map<string, Script>();
  const routes = Object.entries({ ...storageRoutes(stored), ...scriptRoutes(scripts) }).map(
    ([route, answer]) => [new RegExp(`^${route}$`), answer] as const,
  );
  const server = createServer(async (request, response) => {
    const { status, body, headers } = await answer(request).catch(refusal);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  });

  async function answer(request: IncomingMessage): Promise<Answer> {
    const url = new URL(request.url ?? '', fake.env.CLOUDFLARE_API_BASE_URL);
    const path = decodeURIComponent(url.pathname).replace(`/accounts/${ACCOUNT_ID}`, '');
    const called = `${request.method} ${path}`;
    const body = await buffer(request);
    fake.calls.push(called);
    fake.onCall?.(called);
    if (fake.fail?.test(called)) throw new Refusal(400, 10_000, 'Not now');
    for (const [pattern, route] of routes) {
      const [match, ...params] = pattern.exec(called) ?? [];
      if (match === undefined) continue;
      const call = { method: request.method ?? '', path, query: url.searchParams, params, body, origin: url.origin };
      const result = route(call);
      if (result instanceof Upload) return { status: 200, body: null, headers: { etag: result.etag } };
      return { status: 200, body: { success: true, errors: [], messages: [], result } };
    }
    throw new Refusal(404, 7_003, `No route for ${called}`);
  }

  const fake: FakeCloudflare = {
    ...stored,
    scripts,
    calls: [],
    fail: null,
    onCall: null,
    env: {},
    close: () => server.close().closeAllConnections(),
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  fake.env = {
    CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    CLOUDFLARE_API_TOKEN: 'a-token-of-the-tests',
    CLOUDFLARE_ACCOUNT_ID: ACCOUNT_ID,
    WRANGLER_SEND_METRICS: 'false',
  };
  return fake;
}

/** What a route answers to bytes that were put to a signed URL. */
export class Upload {
  readonly etag: string;

  constructor(etag: string) {
    this.etag = etag;
  }
}

interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

function refusal(error: unknown): Answer {
  const { status, code, message } =
    error instanceof Refusal ? error : new Refusal(500, 10_000, error instanceof Error ? error.message : '');
  return { status, body: { success: false, errors: [{ code, message }], messages: [], result: null } };
}
