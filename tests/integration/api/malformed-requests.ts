import fc from 'fast-check';
import { type Json, spoilt } from './malformed-json.ts';

/** A request of whose parts some are wrong. */
export interface Malformed {
  method: string;
  path: string;
  headers: [name: string, value: string][];
  body: Uint8Array | null;
  /** Whose key it carries, unless `headers` has another; null: none. */
  as: 'writer' | 'spender' | 'admin' | null;
}

export interface RecordedBody {
  path: string;
  body: string;
}

const FUNCTION = { name: 'lookup', parameters: { type: 'object', properties: { of: { type: 'string' } } } };
const PICTURE = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' } };

const MODELS = ['openai/gpt-5-mini', 'openai/gpt-4o-mini', 'budget', 'standard'];

/** Good requests, rich in fields, so that a mistake may be anywhere. */
const GOOD: Record<string, Json[]> = {
  '/v1/chat/completions': [
    { messages: [{ role: 'user', content: 'Hello' }], stream: true, stream_options: { include_usage: true } },
    {
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: [{ type: 'text', text: 'What is this?' }, PICTURE] },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'lookup', arguments: '{"of":"x"}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'An x.' },
      ],
      tools: [{ type: 'function', function: FUNCTION }],
      tool_choice: 'auto',
      max_tokens: 20,
      metadata: { conversation_id: 'c-1' },
    },
    {
      messages: [{ role: 'user', content: 'JSON, please' }],
      models: ['openai/gpt-4o-mini', 'google/gemini-2.5-flash'],
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } },
      provider: { order: ['azure'] },
      reasoning: { effort: 'low' },
      temperature: 0,
      seed: 7,
      n: 2,
      stop: ['END'],
      logit_bias: { '50256': -100 },
      session_id: 's-1',
    },
    {
      model: 'sim/any',
      messages: [{ role: 'user', content: 'Compute' }],
      tools: [{ type: 'gateway:calculator' }, { type: 'function', function: FUNCTION }],
      sim: { tool_arguments: { expression: '1 + 1' } },
      stream: true,
    },
  ],
  '/v1/completions': [
    { prompt: 'Hello', max_tokens: 5, echo: true, stop: ['x'], stream: true },
    { prompt: ['one', 'two'], n: 2, best_of: 1, temperature: 0.2, logit_bias: { '1': 2 }, user: 'u' },
  ],
  '/v1/responses': [
    { input: 'Hello', instructions: 'Be brief.', stream: true, max_output_tokens: 20 },
    {
      input: [
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hello' }] },
        { type: 'function_call', call_id: 'call_1', name: 'lookup', arguments: '{}' },
        { type: 'function_call_output', call_id: 'call_1', output: 'x' },
      ],
      tools: [{ type: 'function', ...FUNCTION, strict: false }],
      tool_choice: { type: 'function', name: 'lookup' },
      text: { format: { type: 'json_object' } },
      reasoning: { effort: 'low' },
      models: ['openai/gpt-4o-mini'],
      metadata: { a: 'b' },
      previous_response_id: null,
      background: false,
    },
  ],
  '/v1/embeddings': [
    { model: 'openai/text-embedding-3-small', input: 'Hello', encoding_format: 'base64', dimensions: 4, user: 'u' },
    { model: 'openai/text-embedding-3-small', input: ['one', 'two'] },
    { model: 'openai/text-embedding-3-small', input: [[1, 2], [3]], provider: { order: ['azure'] } },
  ],
};

const ADMIN: [method: string, path: string, body: Json][] = [
  ['POST', '/admin/users', { id: 'somebody', name: 'Some Body', tier: 'free', limits: { requests_per_minute: 7 } }],
  ['PATCH', '/admin/users/victim', { name: 'x', tier: 'free', is_active: true, limits: { tokens_per_month: null } }],
  ['POST', '/admin/users/victim/keys', { name: 'k', permissions: ['read'], rate_limit: 5, expires_at: 4_000_000_000 }],
  ['PATCH', '/admin/keys/key_victim', { name: 'k', permissions: ['read'], resume: true, privacy: false, tier: null }],
  ['POST', '/admin/keys/key_victim/rotate', { overlap_seconds: 60 }],
  [
    'POST',
    '/admin/dead-letters/replay',
    {
      filter: { queue: 'usage', reason: 'x', request_id: 'y', from: '2026-11-01', to: '2026-11-02T08:30:00Z' },
      after: 'z',
    },
  ],
  ['PATCH', '/admin/tiers/free', { requests_per_minute: 20, budget_day_nano_usd: null }],
];

const PATHS = [
  ...Object.keys(GOOD),
  '/v1/chat/completions/',
  '//v1/chat/completions',
  '/v1/chat//completions',
  '/V1/chat/completions',
  '/v1/%63hat/completions',
  '/v1/chat/completions%00',
  '/v1/chat/completions%0d%0aset-cookie:x',
  '/v1/chat/completions/../../admin/users',
  '/v1/%zz',
  '/v1/%ff%fe',
  '/v1/models/%',
  '/v1/models/__proto__',
  '/v1/models/%E0%A4%A',
  `/v1/models/${'x'.repeat(3_000)}`,
  '/v1/models/openai/gpt-5-mini?x=%',
  '/v1/usage?start=x&start=y',
  '/v1/usage?start=99999999999999999999&end=-1',
  '/v1/usage?group_by=__proto__&group_by[]=model',
  '/usage?__proto__[x]=1&constructor=2',
  '/usage?start=2026-02-31&end=NaN',
  '/v1/organization/costs?start_time=1e400',
  '/v1/organization/costs?start_time=0&bucket_width=1y&limit=99999&page=%00',
  '/v1/organization/usage/completions?start_time=-1&models[]=%ff',
  '/admin/users/%2e%2e',
  '/admin/users/%00/keys',
  '/admin/users?limit=-1&after=%ff',
  '/admin/keys?user_id[]=a&user_id[]=b',
  '/admin/keys/__proto__',
  '/admin/keys/key_nobody/rotate',
  '/admin/tiers/constructor',
  '/admin/audit-log?limit=0x10',
  '/v1/cache',
  '/health?%',
  '/docs/..;/admin',
  '/openapi.json/x',
  '/',
  '/é',
];

/** What a header value may be made of: no line breaks, NULs or characters beyond one byte, which nobody can send. */
const headerText = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    ',',
    'true',
    'maybe',
    'TRUE ',
    '1',
    'null',
    '\u00ff\u00fe',
    '\u00e9',
    '\u0080',
    '"',
    '=?utf-8?q?=C3?=',
  ),
  // Bytes above 127 come from the list above alone: the runtime prints a warning for each such header.
  fc.string({ maxLength: 40 }),
  fc.integer({ min: 200, max: 4_000 }).map((length) => 'k'.repeat(length)),
);

const named = (...names: string[]) => fc.tuple(fc.constantFrom(...names), headerText) as fc.Arbitrary<[string, string]>;
const exactly = (name: string, ...values: string[]) =>
  fc.constantFrom(...values).map((value): [string, string] => [name, value]);

const header: fc.Arbitrary<[string, string]> = fc.oneof(
  named('content-type', 'idempotency-key', 'x-conversation-id', 'cache-control', 'x-request-id', 'origin', 'accept'),
  named('x-gateway-resume', 'x-gateway-hedge', 'x-gateway-fallback', 'x-gateway-cache', 'x-privacy-mode'),
  named(
    'cf-connecting-ip',
    'x-forwarded-for',
    'user-agent',
    'if-none-match',
    'range',
    'cookie',
    'x-stainless-retry-count',
  ),
  exactly(
    'content-type',
    'text/plain',
    'application/json; charset=utf-16',
    'application/jsonp',
    'multipart/form-data',
    'application/vnd.x+json',
  ),
  exactly('content-length', '0', '5', '-1', 'NaN', '99999999999', '1e9', '0x10', '20971521', '5, 6'),
  exactly('transfer-encoding', 'chunked', 'gzip, chunked', 'identity'),
  exactly('content-encoding', 'gzip', 'br', 'aes128gcm'),
  exactly('expect', '100-continue'),
  exactly('x-gateway-resume', 'true'),
  exactly('x-gateway-hedge', 'true'),
  exactly('x-gateway-fallback', 'false'),
  exactly('x-gateway-cache', 'true', 'false'),
  exactly('cache-control', 'no-cache', 'no-store', 'max-age=0, no-cache'),
  exactly('idempotency-key', 'a', 'b', 'k'.repeat(255), 'k'.repeat(256)),
);

const authorization: fc.Arbitrary<[string, string]> = fc
  .oneof(
    fc.constantFrom('', 'Bearer', 'Bearer ', 'bearer x', 'Basic eDp5', 'Bearer Bearer x', 'Bearer null', 'Token sk-x'),
    fc.constantFrom(
      'Bearer a.b.c',
      'Bearer ..',
      'Bearer eyJhbGciOiJub25lIn0.e30.',
      'Bearer eyJhbGciOiJIUzI1NiJ9.e30.x',
    ),
    fc.constantFrom('Bearer sk-\u00ff\u00fe', 'Bearer sk-test-nobody', 'Bearer sk-test-writer, Bearer sk-test-writer'),
    headerText.map((text) => `Bearer ${text}`),
    headerText,
  )
  .map((value) => ['authorization', value]);

const JSON_TYPE: [string, string] = ['content-type', 'application/json'];
const someHeaders = fc.oneof(
  { weight: 3, arbitrary: fc.constant<[string, string][]>([]) },
  { weight: 1, arbitrary: fc.array(header, { minLength: 1, maxLength: 3 }) },
);
const caller = fc.constantFrom('writer' as const, 'spender' as const);

/** Not for vectors of any length: the simulated upstream, unlike a real one, would set about making them. */
function mayBeAnswered(body: Uint8Array): boolean {
  return !/"dimensions":\s*\d{5}/.test(new TextDecoder().decode(body));
}

/** One of the four endpoints that models answer at, with a spoilt body. */
function spoiltBodies(recorded: readonly RecordedBody[]): fc.Arbitrary<Malformed> {
  const own = Object.entries(GOOD).flatMap(([path, bodies]) => bodies.map((value) => ({ path, value })));
  const others = recorded.map(({ path, body }) => ({ path, value: JSON.parse(body) as Json }));
  const good =
    others.length > 0 ? fc.oneof(fc.constantFrom(...own), fc.constantFrom(...others)) : fc.constantFrom(...own);
  return fc
    .record({ good, model: fc.constantFrom(...MODELS), headers: someHeaders, as: caller })
    .chain(({ good: { path, value }, model, headers, as }) => {
      // Not the model that was recorded: the simulated upstream has few.
      const keeps = typeof value !== 'object' || value === null || !('model' in value) || others.length === 0;
      const named = path === '/v1/embeddings' || (value as { model?: unknown }).model === 'sim/any' || keeps;
      const body = named ? { model, ...(value as object) } : { ...(value as object), model };
      return spoilt(body as Json)
        .filter(mayBeAnswered)
        .map((bytes) => ({
          method: 'POST',
          path,
          headers: [JSON_TYPE, ...headers],
          body: bytes,
          as,
        }));
    });
}

const goodRequests = fc.constantFrom(
  ...Object.entries(GOOD).flatMap(([path, bodies]) =>
    bodies.map((body) => ({
      path,
      body: new TextEncoder().encode(JSON.stringify({ model: MODELS[0], ...(body as object) })),
    })),
  ),
);

/** Good bodies under bad headers. */
const badHeaders: fc.Arbitrary<Malformed> = fc
  .record({ good: goodRequests, headers: fc.array(header, { minLength: 1, maxLength: 4 }), as: caller })
  .map(({ good, headers, as }) => ({ method: 'POST', ...good, headers: [JSON_TYPE, ...headers], as }));

const badAuthorization: fc.Arbitrary<Malformed> = fc
  .record({ good: goodRequests, auth: authorization, keyless: fc.boolean() })
  .map(({ good, auth, keyless }) => ({
    method: 'POST',
    ...good,
    headers: keyless && auth[1] === '' ? [JSON_TYPE] : [JSON_TYPE, auth],
    as: null,
  }));

const badAdmin: fc.Arbitrary<Malformed> = fc.constantFrom(...ADMIN).chain(([method, path, body]) =>
  fc.record({ bytes: spoilt(body), headers: someHeaders }).map(({ bytes, headers }) => ({
    method,
    path,
    headers: [JSON_TYPE, ...headers],
    body: bytes,
    as: 'admin' as const,
  })),
);

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'];

/** Any method on any path, with a body where one may be. */
const badPlaces: fc.Arbitrary<Malformed> = fc
  .record({
    method: fc.constantFrom(...METHODS),
    path: fc.oneof(
      fc.constantFrom(...PATHS),
      fc.string().map((text) => `/${encodeURIComponent(text.toWellFormed())}`),
    ),
    headers: someHeaders,
    body: spoilt({ model: 'openai/gpt-5-mini' }),
    as: fc.constantFrom('writer' as const, 'admin' as const),
  })
  .map(({ body, ...rest }) => ({ ...rest, body: ['GET', 'HEAD'].includes(rest.method) ? null : body }));

const cache: fc.Arbitrary<Malformed> = fc
  .record({
    headers: fc.array(header, { maxLength: 3 }),
    body: fc.option(fc.uint8Array({ maxLength: 50 })),
    as: caller,
  })
  .map(({ body, ...rest }) => ({ method: 'DELETE', path: '/v1/cache', body: body as Uint8Array | null, ...rest }));

/** All of it, the endpoints that cost money above all. The same seed makes the same requests. */
export function malformedRequests(count: number, seed: number, recorded: readonly RecordedBody[]): Malformed[] {
  const any = fc.oneof(
    { weight: 70, arbitrary: spoiltBodies(recorded) },
    { weight: 8, arbitrary: badHeaders },
    { weight: 5, arbitrary: badAuthorization },
    { weight: 8, arbitrary: badAdmin },
    { weight: 7, arbitrary: badPlaces },
    { weight: 2, arbitrary: cache },
  );
  return fc.sample(any, { numRuns: count, seed });
}
