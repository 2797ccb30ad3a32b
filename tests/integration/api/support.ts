import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env as bindings } from 'cloudflare:workers';
import { inject } from 'vitest';
import { app } from '../../../api-worker/app.ts';
import type { Permission } from '../../../api-worker/auth/principal.ts';
import type { Env } from '../../../api-worker/env.ts';
import type { Limits } from '../../../api-worker/limits/limits.ts';
import { sha256Hex } from '../../../shared/ids.ts';
import { statementsOf } from '../../support/schema.ts';

/** How the upstream tells this file's requests from those of files that run beside it. */
const TITLE = crypto.randomUUID();

/** The worker's own bindings, in front of the simulated upstream. */
export const env = {
  ...(bindings as unknown as Env & { SCHEMA: string }),
  UPSTREAM_BASE_URL: inject('upstreamUrl'),
  OPENROUTER_API_KEY: 'sk-or-v1-of-the-tests',
  ATTRIBUTION_TITLE: TITLE,
  ALLOWED_ORIGINS: 'https://chat.example, https://other.example',
};

/** Where the simulated upstream tells of itself. */
export const simulator = env.UPSTREAM_BASE_URL.replace('/api/v1', '');

/** The body of this file's last call of the upstream, as it came there. */
export async function lastBody(): Promise<string> {
  return (await fetch(`${simulator}/sim/requests/last?title=${TITLE}`)).text();
}

/** An entry of the simulated upstream's ledger. */
export interface UpstreamCall {
  requested_model: string;
  cost_nano_usd: number;
  prompt_tokens: number;
  completion_tokens: number;
  reasoning_tokens: number;
  billed: boolean;
  received_headers: Record<string, string>;
}

/** This file's calls of the upstream, in their order. */
export async function upstreamCalls(): Promise<UpstreamCall[]> {
  const { requests } = (await (await fetch(`${simulator}/sim/ledger`)).json()) as { requests: UpstreamCall[] };
  return requests.filter(({ received_headers }) => received_headers['x-title'] === TITLE);
}

const MODEL = 'openai/gpt-5-mini';
export const HELLO = { model: MODEL, messages: [{ role: 'user', content: 'Hello' }] };

export async function applySchema(): Promise<void> {
  await env.DB.batch(statementsOf(env.SCHEMA).map((statement) => env.DB.prepare(statement)));
}

/** What a test may set of a key and its account. */
interface Granted {
  rate_limit?: number;
  is_active?: number;
  permissions?: Permission[];
  tier?: string;
  expires_at?: number;
  limits?: Partial<Limits>;
}

/** Creates an account with one key and returns the key. Its limits are the account's own. */
export async function createKey(userId: string, granted: Granted = {}): Promise<string> {
  const { rate_limit = null, is_active = 1, permissions = ['read', 'write'], tier = null, expires_at = null } = granted;
  const key = `sk-test-${userId}`;
  const limits = Object.entries(granted.limits ?? {});
  const columns = ['scope', 'subject', ...limits.map(([name]) => name)];
  await env.DB.batch([
    env.DB.prepare('INSERT OR IGNORE INTO users (id, name, created_at) VALUES (?1, ?1, 0)').bind(userId),
    env.DB.prepare(
      'INSERT INTO api_keys (id, user_id, key_hash, name, rate_limit, is_active, permissions, tier, expires_at, created_at) VALUES (?1, ?2, ?3, ?1, ?4, ?5, ?6, ?7, ?8, 0)',
    ).bind(
      `key_${userId}`,
      userId,
      await sha256Hex(key),
      rate_limit,
      is_active,
      JSON.stringify(permissions),
      tier,
      expires_at,
    ),
    env.DB.prepare(
      `INSERT OR REPLACE INTO rate_limits (${columns.join(', ')}) VALUES (${columns.map((_, n) => `?${n + 1}`).join(', ')})`,
    ).bind('account', userId, ...limits.map(([, value]) => value)),
  ]);
  return key;
}

/** A request to the app, answered whole and with its background work done. */
export async function call(path: string, init: RequestInit & { key?: string; env?: Partial<Env> } = {}) {
  const { key, env: changed, ...rest } = init;
  const headers = new Headers(rest.headers);
  if (key) headers.set('authorization', `Bearer ${key}`);
  const ctx = createExecutionContext();
  const response = await app.request(path, { ...rest, headers }, { ...env, ...changed }, ctx);
  const text = await response.text();
  await waitOnExecutionContext(ctx);
  return { status: response.status, headers: response.headers, text };
}

/** A JSON body to a path. */
export function post(
  path: string,
  key: string,
  body: unknown,
  headers: Record<string, string> = {},
  changed: Partial<Env> = {},
) {
  return call(path, {
    method: 'POST',
    key,
    env: changed,
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** POST /v1/chat/completions. */
export function chat(key: string, body: unknown = HELLO, changed: Partial<Env> = {}) {
  return post('/v1/chat/completions', key, body, {}, changed);
}

/** The inside of an error envelope. */
export function errorOf({ text }: { text: string }): {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
} {
  return (JSON.parse(text) as { error: { message: string; type: string; param: string | null; code: string | null } })
    .error;
}
