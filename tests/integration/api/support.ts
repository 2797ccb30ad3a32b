import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env as bindings } from 'cloudflare:workers';
import { inject } from 'vitest';
import { app } from '../../../api-worker/app.ts';
import type { Env } from '../../../api-worker/env.ts';
import { sha256Hex } from '../../../shared/ids.ts';
import { statementsOf } from '../../support/schema.ts';

/** The worker's own bindings, in front of the simulated upstream. */
export const env = {
  ...(bindings as unknown as Env & { SCHEMA: string }),
  UPSTREAM_BASE_URL: inject('upstreamUrl'),
  OPENROUTER_API_KEY: 'sk-or-v1-of-the-tests',
  ALLOWED_ORIGINS: 'https://chat.example, https://other.example',
};

const MODEL = 'openai/gpt-5-mini';
export const HELLO = { model: MODEL, messages: [{ role: 'user', content: 'Hello' }] };

export async function applySchema(): Promise<void> {
  await env.DB.batch(statementsOf(env.SCHEMA).map((statement) => env.DB.prepare(statement)));
}

/** Creates an account with one key and returns the key. */
export async function createKey(
  userId: string,
  columns: { rate_limit?: number; is_active?: number } = {},
): Promise<string> {
  const key = `sk-test-${userId}`;
  await env.DB.batch([
    env.DB.prepare('INSERT OR IGNORE INTO users (id, name, created_at) VALUES (?1, ?1, 0)').bind(userId),
    env.DB.prepare(
      'INSERT INTO api_keys (id, user_id, key_hash, name, rate_limit, is_active, created_at) VALUES (?1, ?2, ?3, ?1, ?4, ?5, 0)',
    ).bind(`key_${userId}`, userId, await sha256Hex(key), columns.rate_limit ?? null, columns.is_active ?? 1),
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

/** POST /v1/chat/completions. */
export function chat(key: string, body: unknown = HELLO, changed: Partial<Env> = {}) {
  return call('/v1/chat/completions', {
    method: 'POST',
    key,
    env: changed,
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
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
