import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Account } from './account.ts';
import { type Delivery, failBefore, sendJson } from './answer.ts';
import { deliver, GENERATING_PATHS, planFor } from './endpoints.ts';
import { errorBody, FAULTS, isFault } from './faults.ts';
import { embeddingModelsBody, findModel, modelsBody, serves } from './models.ts';
import { PostHogAccount, type PostHogFault } from './posthog.ts';
import { listRecordings, readRecording, replay } from './recordings.ts';
import { faultOf, type SimRequest } from './request.ts';
import { forecastBody, placesBody } from './weather.ts';
import { Webhook } from './webhook.ts';

export interface UpstreamOptions {
  /** 0: any free one. */
  port?: number;
  host?: string;
  seed?: number;
  recordingsDir?: string;
  /** To the first event, between events (ms), and content chunks, where the request sets none. */
  ttftMs?: number;
  gapMs?: number;
  chunks?: number;
}

export interface SimulatedUpstream {
  /** What UPSTREAM_BASE_URL is set to. */
  url: string;
  /** For POSTHOG_HOST and `/sim/…`. */
  origin: string;
  account: Account;
  posthog: PostHogAccount;
  /** Ends every connection. */
  close(): Promise<void>;
}

interface Sim {
  options: UpstreamOptions;
  account: Account;
  posthog: PostHogAccount;
  webhook: Webhook;
}

const API = '/api/v1';

/** Starts the simulated OpenRouter. Rejects with Node's error when the port is taken. */
export async function startUpstream(options: UpstreamOptions = {}): Promise<SimulatedUpstream> {
  const sim: Sim = { options, account: new Account(), posthog: new PostHogAccount(), webhook: new Webhook() };
  const server = createServer((request, response) => {
    handle(sim, request, response).catch((error: Error) => {
      // It trips over what is not of the type that it should be, where the real one refuses it.
      const malformed = error instanceof TypeError || error instanceof RangeError;
      if (response.headersSent) response.destroy();
      else if (malformed) sendJson(response, 400, errorBody(400, 'The request is malformed'));
      else sendJson(response, 500, errorBody(500, error.message));
    });
  });
  // A gateway that reuses a connection just when it is closed sees a network error that no provider caused.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: origin + API, origin, account: sim.account, posthog: sim.posthog, close };
}

async function handle(sim: Sim, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://sim');
  const body = await readBody(request);
  const route = `${request.method} ${url.pathname.replace(/\/$/, '')}`;
  if (url.pathname.startsWith(API)) return openRouter(sim, route.replace(API, ''), url, request, body, response);
  switch (route) {
    case 'GET /v1/search':
      return sendJson(response, 200, placesBody(url.searchParams.get('name') ?? ''));
    case 'GET /v1/forecast':
      return sendJson(response, 200, forecastBody(url.searchParams));
    case 'POST /batch':
      return ingest(sim.posthog, body, response);
    case 'GET /sim/posthog':
      return sendJson(response, 200, { events: sim.posthog.events, statuses: sim.posthog.statuses });
    case 'DELETE /sim/posthog':
      sim.posthog.clear();
      return sendJson(response, 200, {});
    case 'POST /sim/webhook':
      return sendJson(response, sim.webhook.receive(body), {});
    case 'GET /sim/webhook':
      return sendJson(response, 200, { bodies: sim.webhook.bodies });
    case 'POST /sim/faults': {
      const { posthog, webhook } = JSON.parse(body.toString()) as {
        posthog?: PostHogFault | null;
        webhook?: { status: number; times: number };
      };
      if (posthog !== undefined) sim.posthog.fail(posthog);
      if (webhook) sim.webhook.failNext(webhook.status, webhook.times);
      return sendJson(response, 200, {});
    }
    case 'GET /sim/ledger':
      return sendJson(response, 200, { requests: sim.account.entries, total: sim.account.total() });
    case 'DELETE /sim/ledger':
      sim.account.clear();
      return sendJson(response, 200, {});
    case 'GET /sim/requests/last':
      response.end(sim.account.lastBody(url.searchParams.get('title')));
      return;
    case 'GET /sim/recordings':
      return sendJson(response, 200, { recordings: listRecordings(sim.options.recordingsDir) });
    case 'GET /sim/faults':
      return sendJson(response, 200, FAULTS);
    default:
      return sendJson(response, 404, errorBody(404, `No such page: ${route}`));
  }
}

function ingest(posthog: PostHogAccount, body: Buffer, response: ServerResponse): void {
  const status = posthog.ingest(body);
  if (status === 0) response.destroy();
  else sendJson(response, status, { status: 1 });
}

async function openRouter(
  sim: Sim,
  route: string,
  url: URL,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): Promise<void> {
  if (!/^Bearer \S+/.test(request.headers.authorization ?? '')) return sendJson(response, 401, errorBody(401));
  switch (route) {
    case 'GET /models':
      return sendJson(response, 200, modelsBody(Number(url.searchParams.get('page') ?? 1)));
    case 'GET /embeddings/models':
      return sendJson(response, 200, embeddingModelsBody());
    case 'GET /key':
      return sendJson(response, 200, {
        data: {
          label: 'sim',
          usage: sim.account.total(header(request, 'authorization')).cost_nano_usd / 1e9,
          limit: null,
          is_free_tier: false,
        },
      });
    case 'GET /credits':
      return sendJson(response, 200, {
        data: { total_credits: 1000, total_usage: sim.account.total().cost_nano_usd / 1e9 },
      });
    case 'GET /generation':
      return generation(sim, url.searchParams.get('id') ?? '', response);
    default:
      if (request.method === 'POST' && GENERATING_PATHS.includes(route.slice(5)))
        return generate(sim, route.slice(5), request, body, response);
      return sendJson(response, 404, errorBody(404, `No such endpoint: ${route}`));
  }
}

function generation(sim: Sim, id: string, response: ServerResponse): void {
  const entry = sim.account.find(id);
  // Like the real one, it knows a generation only once that has ended.
  if (!entry?.settled || !sim.account.isTold(id)) {
    sendJson(response, 404, errorBody(404, `Generation ${id} not found`));
    return;
  }
  sendJson(response, 200, {
    data: {
      id,
      model: entry.model,
      streamed: entry.streamed,
      cancelled: entry.cancelled,
      total_cost: entry.billed ? entry.cost_nano_usd / 1e9 : 0,
      native_tokens_prompt: entry.prompt_tokens,
      native_tokens_completion: entry.completion_tokens,
      native_tokens_reasoning: entry.reasoning_tokens,
      native_tokens_cached: entry.cached_tokens,
      provider_name: findModel(entry.requested_model)?.provider,
      finish_reason: null,
    },
  });
}

async function generate(
  sim: Sim,
  path: string,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): Promise<void> {
  const receivedAt = performance.now();
  const text = body.toString();
  sim.account.received(text, header(request, 'x-title'));
  const parsed = parse(text);
  if (typeof parsed === 'string') return sendJson(response, 400, errorBody(400, parsed));
  const asked = faultOf(parsed, header(request, 'x-sim-fault'));
  if (asked !== null && !isFault(asked))
    return sendJson(response, 400, errorBody(400, `No such fault. There are: ${Object.keys(FAULTS).join(', ')}`));
  const model = findModel(parsed.model ?? '');
  if (!model) return sendJson(response, 400, errorBody(400, `${parsed.model} is not a valid model ID`));
  if (!serves(model, path)) return sendJson(response, 404, errorBody(404, `No endpoints found for ${model.id}`));
  const options = { ...parsed.sim, ...headerOptions(request) };
  const { ttftMs = 0, gapMs = 0, chunks = 20, seed = 1 } = sim.options;
  const planned = planFor(path, { ...parsed, sim: options }, model, seed, chunks);
  const entry = sim.account.open({
    generation_id: planned.id,
    requested_model: parsed.model ?? '',
    model: model.canonical_slug,
    fault: asked,
    streamed: parsed.stream === true,
    status: 200,
    prompt_tokens: 0,
    completion_tokens: 0,
    cached_tokens: 0,
    cache_write_tokens: 0,
    reasoning_tokens: 0,
    cost_nano_usd: 0,
    billed: false,
    settled: false,
    cancelled: false,
    chunks_sent: 0,
    payer: header(request, 'authorization') ?? '',
    received_headers: {
      'http-referer': header(request, 'http-referer') ?? '',
      'x-title': header(request, 'x-title') ?? '',
    },
  });
  const plan = { ...planned, id: entry.generation_id };
  response.once('close', () => {
    entry.cancelled = !response.writableFinished && !asked?.startsWith('die-');
  });
  const speed = { ttftMs: options.ttft_ms ?? ttftMs, gapMs: options.gap_ms ?? gapMs };
  const { account } = sim;
  const delivery: Delivery = { response, entry, plan, fault: asked, speed, sim: options, account, receivedAt };
  const recorded = options.recording ?? (parsed.model?.startsWith('recording/') ? parsed.model.slice(10) : undefined);
  if (recorded) {
    const recording = readRecording(sim.options.recordingsDir, recorded);
    if (!recording)
      return sendJson(response, 404, errorBody(404, `No recording ${recorded}; RECORDINGS_DIR may be absent.`));
    return replay(response, recording);
  }
  try {
    if (!(await failBefore(delivery))) await deliver(delivery, path, parsed);
  } finally {
    entry.settled = true;
  }
}

function parse(text: string): SimRequest | string {
  try {
    const request = JSON.parse(text) as SimRequest;
    return request.messages?.length || request.prompt !== undefined || request.input !== undefined
      ? request
      : 'Input required: specify "prompt" or "messages"';
  } catch {
    return 'Invalid JSON';
  }
}

function headerOptions(request: IncomingMessage) {
  const number = (name: string) => {
    const value = header(request, name);
    return value === undefined ? undefined : Number(value);
  };
  const options = {
    ttft_ms: number('x-sim-ttft-ms'),
    gap_ms: number('x-sim-gap-ms'),
    chunks: number('x-sim-chunks'),
    recording: header(request, 'x-sim-recording'),
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    ttft_ms?: number;
    gap_ms?: number;
    chunks?: number;
    recording?: string;
  };
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
