import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeDeadLetters } from '../support/dead-letter.ts';
import { ENDPOINTS, type Endpoint } from '../support/endpoints.ts';
import { putArchive } from '../support/ledger-archive.ts';
import { putRequests } from '../support/ledger-requests.ts';
import { type System, startSystem } from '../support/system.ts';

interface Media {
  schema?: { $ref: string };
  example?: unknown;
}
interface Answer {
  $ref?: string;
  content?: Record<string, Media>;
}
interface Operation {
  requestBody?: { content: { 'application/json': Media } };
  responses: Record<string, Answer>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; responses: Record<string, Answer> };
}

let system: System;
let document: Document;
let ajv: Ajv2020;
beforeAll(async () => {
  system = await startSystem();
  await storeDeadLetters(system.db, [{ id: 'letter_there' }]);
  await putArchive(system.db, system.bucket);
  await putRequests(system.db);
  document = (await (await fetch(`${system.origin}/openapi.json`)).json()) as Document;
  // Not strict: OpenAPI's own keywords stand around the schemas.
  ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'openapi', ...document });
});
afterAll(() => system.stop());

/** What breaks a schema of the document. */
function violations({ schema }: Media, value: unknown): string[] {
  if (!schema) return [];
  const validate = ajv.getSchema(`openapi${schema.$ref}`) ?? ajv.compile({ $ref: `openapi${schema.$ref}` });
  return validate(value)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

function operationOf({ method, route }: Endpoint): Operation {
  const path = route.replaceAll(/:(\w+)(?:\{[^}]*\})?/g, '{$1}');
  const operation = document.paths[path]?.[method.toLowerCase()];
  if (!operation) throw new Error(`${method} ${path} is not described.`);
  return operation;
}

function described({ responses }: Operation, status: number, type: string): Media | undefined {
  const answer = responses[status];
  const shared = answer?.$ref ? document.components.responses[answer.$ref.split('/').at(-1) ?? ''] : answer;
  return shared?.content?.[type];
}

const jsonOf = ({ requestBody }: Operation) => requestBody?.content['application/json'];

describe('/openapi.json', () => {
  it('is valid OpenAPI 3.1, and its schemas are valid JSON Schema', async () => {
    const validator = new Validator();
    expect(await validator.validate({ ...document })).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
    for (const name of Object.keys(document.components.schemas)) {
      expect(() => ajv.compile({ $ref: `openapi#/components/schemas/${name}` }), name).not.toThrow();
    }
  });

  it('accepts the requests that the tests make, and its own examples', () => {
    const withBody = ENDPOINTS.filter(({ body }) => body !== undefined);
    expect(withBody.length).toBeGreaterThan(8);
    for (const endpoint of withBody) {
      const media = jsonOf(operationOf(endpoint));
      expect(media, endpoint.route).toBeDefined();
      expect(violations(media ?? {}, endpoint.body), endpoint.route).toEqual([]);
      expect(violations(media ?? {}, media?.example), endpoint.route).toEqual([]);
    }
  });

  it.each([
    { temperature: 2.1 },
    { messages: [] },
    { messages: [{ role: 'tool', content: 'x' }] },
    { n: 1.5 },
    { stream: 'yes' },
  ])('refuses what the endpoint refuses: %o', async (wrong) => {
    const body = { model: 'openai/gpt-5-mini', messages: [{ role: 'user', content: 'Hello' }], ...wrong };
    const endpoint = { method: 'POST', route: '/v1/chat/completions', path: '/v1/chat/completions' };
    expect(violations(jsonOf(operationOf(endpoint)) ?? {}, body)).not.toEqual([]);
    expect((await answerTo({ ...endpoint, body }, system.key)).status).toBe(400);
  });

  it('describes what every endpoint answers', async () => {
    const key = await system.createKey('tester', { name: 'all', permissions: ['read', 'write', 'admin'] });
    await system.createKey('tester', { name: 'spare' });
    for (const endpoint of ENDPOINTS) {
      const response = await answerTo(endpoint, key);
      const name = `${endpoint.method} ${endpoint.route}`;
      expect(response.status, name).toBeLessThan(300);
      const type = response.headers.get('content-type')?.split(';')[0] ?? '';
      const media = described(operationOf(endpoint), response.status, type);
      expect(media, `${name} ${response.status} ${type}`).toBeDefined();
      const text = await response.text();
      if (type === 'application/json') expect(violations(media ?? {}, JSON.parse(text)), name).toEqual([]);
    }
  });

  it.each(['/v1/chat/completions', '/v1/completions', '/v1/responses'])('describes the events of %s', async (path) => {
    const endpoint = ENDPOINTS.find(({ route }) => route === path) as Endpoint;
    const response = await answerTo({ ...endpoint, body: { ...(endpoint.body as object), stream: true } }, system.key);
    const media = described(operationOf(endpoint), 200, 'text/event-stream');
    const events = [...(await response.text()).matchAll(/^data: (\{.*\})$/gm)].map(([, data]) =>
      JSON.parse(data ?? ''),
    );
    expect(events.length).toBeGreaterThan(3);
    expect(media).toBeDefined();
    for (const event of events) expect(violations(media ?? {}, event)).toEqual([]);
  });

  it('describes errors', async () => {
    const endpoint = ENDPOINTS.find(({ permission }) => permission === 'admin') as Endpoint;
    for (const [key, status] of [
      ['sk-none', 401],
      [system.key, 403],
    ] as const) {
      const response = await answerTo(endpoint, key);
      expect(response.status).toBe(status);
      const media = described(operationOf(endpoint), status, 'application/json');
      expect(media).toBeDefined();
      expect(violations(media ?? {}, await response.json())).toEqual([]);
    }
  });
});

it('gives out nothing else of the folder in which Scalar lies', async () => {
  const paths = ['standalone.js', 'standalone.js.map', 'standalone.esm.js', 'chunks/', 'scalar.js.map'];
  for (const path of paths.flatMap((file) => [`/${file}`, `/docs/${file}`])) {
    expect((await fetch(`${system.origin}${path}`)).status, path).toBe(404);
  }
});

function answerTo({ method, path, body }: Endpoint, key: string): Promise<Response> {
  return fetch(`${system.origin}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}
