import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { app } from '../../../api-worker/app.ts';
import { EmbeddingsRequest } from '../../../api-worker/routes/embeddings-request.ts';
import { ENDPOINTS } from '../../support/endpoints.ts';
import { call } from './support.ts';

interface Operation {
  operationId: string;
  security: { bearer?: string[] }[];
  parameters: { name?: string; required?: boolean; $ref?: string }[];
  responses: Record<string, { headers?: Record<string, unknown> }>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { properties: Record<string, unknown> }>; parameters: Record<string, unknown> };
}

/** A route as OpenAPI writes it: `/v1/models/:id{.+}` is `/v1/models/{id}`. */
const pathOf = (route: string) => route.replaceAll(/:(\w+)(?:\{[^}]*\})?/g, '{$1}');

describe('GET /openapi.json', () => {
  let document: Document;
  beforeAll(async () => {
    const answer = await call('/openapi.json');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
    document = JSON.parse(answer.text) as Document;
  });
  const operations = () =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
    );

  it('describes every route of the app, and no other', () => {
    const routes = app.routes.filter(({ method, path }) => method !== 'ALL' && !path.endsWith('/*'));
    const served = new Set(routes.map(({ method, path }) => `${method} ${pathOf(path)}`));
    expect(operations().map(({ name }) => name)).toHaveLength(served.size);
    expect(new Set(operations().map(({ name }) => name))).toEqual(served);
    expect(new Set(operations().map(({ operation }) => operation.operationId)).size).toBe(served.size);
  });

  it('says which permission each needs', () => {
    const said = operations().map(({ name, operation: { security } }) => {
      const [scheme] = security;
      return [name, scheme && (scheme.bearer?.[0] ?? 'any')];
    });
    const needed = ENDPOINTS.map(({ method, route, permission }) => [`${method} ${pathOf(route)}`, permission]);
    expect(Object.fromEntries(said)).toEqual(Object.fromEntries(needed));
  });

  it('takes the schemas of requests from their validation', () => {
    const {
      ChatCompletionRequest: chat,
      EmbeddingRequest: embedding,
      KeyChange: keyChange,
    } = document.components.schemas;
    expect(chat?.properties.temperature).toMatchObject({ anyOf: [{ type: 'number', minimum: 0, maximum: 2 }, {}] });
    expect(chat?.properties.messages).toMatchObject({ minItems: 1, maxItems: 1000 });
    const { $schema: _, ...expected } = z.toJSONSchema(EmbeddingsRequest, { io: 'input' });
    expect(embedding).toEqual(expected);
    expect(keyChange).toMatchObject({ additionalProperties: false, minProperties: 1 });
  });

  it('takes query parameters from their validation', () => {
    const costs = document.paths['/v1/organization/costs']?.get;
    expect(costs?.parameters.filter(({ required }) => required).map(({ name }) => name)).toEqual(['start_time']);
    const keys = document.paths['/admin/keys']?.get;
    expect(keys?.parameters.map(({ name }) => name)).toEqual(['limit', 'after', 'user_id']);
  });

  it('names the headers that an answer brings with it', () => {
    const brings = (path: string) => Object.keys(document.paths[path]?.get?.responses[200]?.headers ?? {});
    const billing = ['x-billing-closed', 'x-billing-open-attempts', 'x-billing-unbilled-nano-usd'];
    expect(brings('/admin/billing')).toEqual(expect.arrayContaining(billing));
    expect(brings('/admin/latency')).not.toContain(billing[0]);
  });

  it('names the headers that steer the gateway where they are read', () => {
    const steered = operations().filter(({ operation }) => operation.parameters.some(({ $ref }) => $ref !== undefined));
    expect(steered.map(({ name }) => name)).toEqual(
      ['chat/completions', 'completions', 'responses', 'embeddings'].map((path) => `POST /v1/${path}`),
    );
    expect(Object.keys(document.components.parameters)).toEqual([
      'x-gateway-resume',
      'x-gateway-hedge',
      'x-gateway-fallback',
      'x-gateway-cache',
      'x-privacy-mode',
      'x-conversation-id',
      'idempotency-key',
      'cache-control',
    ]);
    for (const { operation } of steered) {
      expect(Object.keys(operation.responses)).toEqual([
        '200',
        '400',
        '401',
        '403',
        '404',
        '409',
        '413',
        '415',
        '429',
        '503',
        '504',
      ]);
    }
  });
});

describe('GET /docs', () => {
  it('allows neither inline scripts, nor eval, nor anyone else', async () => {
    const { status, headers } = await call('/docs');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/html/);
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; " +
        "img-src 'self' data:; font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    );
  });

  it('loads two scripts of ours, and nothing else', async () => {
    const { text } = await call('/docs');
    expect(text.match(/<script[^>]*>[^<]*<\/script>/g)).toEqual([
      '<script src="/docs/init.js"></script>',
      '<script src="/docs/scalar.js"></script>',
    ]);
    expect(text).not.toMatch(/\/\/\w|<style|\son\w+=/);
    const init = await call('/docs/init.js');
    expect(init.text).not.toContain('//');
    expect(init.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  });

  it('serves Scalar as JavaScript, once to each browser', async () => {
    const { status, headers, text } = await call('/docs/scalar.js');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/javascript/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(text).toContain('createApiReference');
    const again = await call('/docs/scalar.js', { headers: { 'if-none-match': headers.get('etag') ?? '' } });
    expect(again).toMatchObject({ status: 304, text: '' });
  });

  it('leaves the policy of all other answers as it is', async () => {
    for (const path of ['/docs/', '/docs/init.js', '/docs/scalar.js', '/health', '/openapi.json', '/DOCS']) {
      const { headers } = await call(path);
      expect(headers.get('content-security-policy'), path).toBe("default-src 'none'; frame-ancestors 'none'");
    }
  });
});
